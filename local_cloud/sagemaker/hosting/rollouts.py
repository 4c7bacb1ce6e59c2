"""How an endpoint changes its fleet: the first start, then blue/green with canary and rollback.

Fleet, baking and rollback are the words of SageMaker's guide to deployment guardrails.
"""

import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from local_cloud.sagemaker.hosting.servers import ModelServerError
from local_cloud.sagemaker.hosting.traffic_shift import (
    Shares,
    alarm_names,
    stages,
    termination_seconds,
)
from local_cloud.sagemaker.hosting.variants import Fleet
from local_cloud.sagemaker.runtime import emulator, roles
from local_cloud.sagemaker.runtime.store import JsonObject, now

EVENT = "SageMaker Endpoint State Change"
_POLL_SECONDS = 0.2


class RolledBackError(Exception):
    """Why a rollout went back to the fleet before it."""


class LiveEndpoint:
    """An endpoint while it exists; `record` is what DescribeEndpoint answers."""

    def __init__(self, record: JsonObject) -> None:
        self.record = record
        self.fleet: Fleet | None = None
        self.traffic: Shares[Fleet] = Shares([])
        self.ended = threading.Event()
        self._fleets: list[Fleet] = []

    def become(self, status: str, **changes: Any) -> None:
        """Change the status and put an event."""
        self.record.update(changes, EndpointStatus=status, LastModifiedTime=now())
        names = ("EndpointName", "EndpointArn", "EndpointConfigName", "EndpointStatus")
        detail = {name: self.record[name] for name in names}
        emulator.put_event(EVENT, self.record["EndpointArn"], detail)

    def fail(self, reason: str) -> None:
        """End Failed, or InService on the fleet that served before, whatever was going on."""
        self.traffic = Shares([(self.fleet, 1.0)] if self.fleet else [])
        try:
            for fleet in [found for found in self._fleets if found is not self.fleet]:
                self._stop(fleet)
        finally:
            self.record.pop("PendingDeploymentSummary", None)
            self.become("InService" if self.fleet else "Failed", FailureReason=reason)

    def create(self, config: JsonObject) -> None:
        """Start the first fleet; the endpoint ends InService or Failed."""
        try:
            fleet = self._start(config)
        except ModelServerError as error:
            self.fail(str(error))
            return
        self.fleet, self.traffic = fleet, Shares([(fleet, 1.0)])
        self.become("InService")

    def update(
        self, config: JsonObject, deployment: dict[str, Any] | None, *, keeps_counts: bool
    ) -> None:
        """Replace the fleet; what goes wrong is rolled back to the fleet that serves.

        keeps_counts: as many instances as there are, whatever the configuration asks for.
        """
        old = self.fleet
        try:
            new = self._start(config, old.counts if old and keeps_counts else None)
            self._check_alarms_readable(new, alarm_names(deployment))
            for share, seconds in stages(deployment, new.instance_count):
                rest = [(old, 1.0 - share)] if old else []
                self.traffic = Shares([(new, share), *rest])
                self._bake(seconds, alarm_names(deployment))
        except (ModelServerError, RolledBackError, roles.AccessDeniedError) as error:
            self._roll_back(str(error))
            return
        self.fleet, self.traffic = new, Shares([(new, 1.0)])
        self.record["LastDeploymentConfig"] = deployment
        self.ended.wait(termination_seconds(deployment) * _scale())
        if old:
            self._stop(old)
        self.record.pop("PendingDeploymentSummary", None)
        self.record.pop("FailureReason", None)
        self.become("InService", EndpointConfigName=new.config_name)

    def _start(self, config: JsonObject, retained: Mapping[str, int] | None = None) -> Fleet:
        fleet = Fleet(self.record["EndpointName"], config, retained)
        self._fleets.append(fleet)
        fleet.start()
        if self.ended.is_set():
            fleet.stop()
            raise ModelServerError("the endpoint is being deleted")
        return fleet

    def _check_alarms_readable(self, fleet: Fleet, alarms: list[str]) -> None:
        """SageMaker reads the alarms with the model's role."""
        account, region = emulator.current_scope()
        for role_arn in fleet.role_arns:
            for alarm in alarms:
                arn = f"arn:aws:cloudwatch:{region}:{account}:alarm:{alarm}"
                roles.require(role_arn, "cloudwatch:DescribeAlarms", arn)

    def _bake(self, seconds: float, alarms: list[str]) -> None:
        """Watch the alarms for so long, and at least once. Raises RolledBackError."""
        end = time.monotonic() + seconds * _scale()
        while True:
            alarming = emulator.alarming(alarms)
            if alarming:
                raise RolledBackError(
                    f"Alarm(s) {', '.join(alarming)} tripped: the deployment was rolled back."
                )
            left = end - time.monotonic()
            if left <= 0:
                return
            if self.ended.wait(min(left, _POLL_SECONDS)):
                raise RolledBackError("The endpoint is being deleted.")

    def _roll_back(self, reason: str) -> None:
        """Send all traffic to the old fleet again; SageMaker leaves no failed status behind."""
        self.become("RollingBack", FailureReason=reason)
        self.fail(reason)

    def _stop(self, fleet: Fleet) -> None:
        fleet.stop()
        if fleet in self._fleets:
            self._fleets.remove(fleet)

    def end(self) -> None:
        """Stop everything that belongs to the endpoint, a rollout on its way included."""
        self.ended.set()
        self.traffic = Shares([])
        for fleet in list(self._fleets):
            self._stop(fleet)


def _scale() -> float:
    """Factor on the waits of a rollout: minutes on AWS are seconds in a test."""
    return float(os.environ.get("ROLLOUT_SCALE", "1"))
