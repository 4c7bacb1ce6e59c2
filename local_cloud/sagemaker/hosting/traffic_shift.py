"""How traffic is split: exact shares, and the steps of a canary or linear rollout. Pure."""

import threading
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Shares(Generic[T]):
    """Smooth weighted round robin: of any n picks, each target gets its share to within one."""

    def __init__(self, targets: Sequence[tuple[T, float]]) -> None:
        self._targets = [target for target in targets if target[1] > 0]
        self._credits = [0.0] * len(self._targets)
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._targets)

    def pick(self) -> T:
        """The target of the next request. Raises LookupError where there is none."""
        with self._lock:
            if not self._targets:
                raise LookupError("no target has a share of the traffic")
            for index, (_, weight) in enumerate(self._targets):
                self._credits[index] += weight
            best = max(range(len(self._targets)), key=lambda index: self._credits[index])
            self._credits[best] -= sum(weight for _, weight in self._targets)
            return self._targets[best][0]


def stages(deployment: dict[str, Any] | None, instance_count: int) -> list[tuple[float, float]]:
    """The steps of a rollout as (share of the new fleet, seconds to bake).

    Without a policy everything moves at once and nothing bakes, as SageMaker does by default.
    """
    policy = (deployment or {}).get("BlueGreenUpdatePolicy") or {}
    routing = policy.get("TrafficRoutingConfiguration")
    if not routing:
        return [(1.0, 0.0)]
    wait = float(routing.get("WaitIntervalInSeconds", 0))
    if routing["Type"] == "CANARY":
        return [(_share(routing["CanarySize"], instance_count), wait), (1.0, wait)]
    if routing["Type"] == "LINEAR":
        step = _share(routing["LinearStepSize"], instance_count)
        shares = [step * (index + 1) for index in range(int(1 / step))]
        return [(share, wait) for share in shares if share < 1] + [(1.0, wait)]
    return [(1.0, wait)]


def _share(size: dict[str, Any], instance_count: int) -> float:
    """A capacity size as a share of the fleet, more than 0 and at most 1."""
    value = float(size["Value"])
    share = value / 100 if size["Type"] == "CAPACITY_PERCENT" else value / max(1, instance_count)
    return min(1.0, max(0.01, share))


def termination_seconds(deployment: dict[str, Any] | None) -> float:
    """How long the old fleet stays after the new one has all the traffic."""
    policy = (deployment or {}).get("BlueGreenUpdatePolicy") or {}
    return float(policy.get("TerminationWaitInSeconds", 0))


def alarm_names(deployment: dict[str, Any] | None) -> list[str]:
    """The alarms that roll a deployment back."""
    rollback = (deployment or {}).get("AutoRollbackConfiguration") or {}
    return [alarm["AlarmName"] for alarm in rollback.get("Alarms") or []]
