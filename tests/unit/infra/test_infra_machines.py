"""The state machines as definitions: whole, named by what they do, and drawn as they are."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from pathlib import Path

import pytest

from infra.machines import learning
from infra.machines.__main__ import LEARN, OUT, definitions, main, page
from infra.machines.diagram import is_end, mermaid, ways
from infra.machines.states import State
from lambdas.contract.learning import DATASET, DRIFT, PERSON, SCHEDULE, WITHOUT_CHAMPION

ROOT = Path(__file__).parents[3]
MACHINES = definitions()
VERBS = re.compile(
    "(Ask|Assume|Check|Compare|Conclude|Describe|Finish|Keep|Learn|Name|Notify|Parse|Plan|Prepare"
    "|Quote|Record|Refine|Request|Restore|Set|Start|Update|Verify|Wait)[A-Z]"
)


def broken_ways(definition: State) -> list[str]:
    """States that lead to none, that none leads to, or that never end."""
    states = definition["States"]
    targets = {name: [way[0] for way in ways(state)] for name, state in states.items()}
    reached, open_ones = set(), [definition["StartAt"]]
    while open_ones:
        if (name := open_ones.pop()) not in reached:
            reached.add(name)
            open_ones += targets.get(name, [])
    return [
        *(f"{name}: no such state" for name in reached - states.keys()),
        *(f"{name}: never reached" for name in states.keys() - reached),
        *(
            f"{name}: no way on"
            for name, to in targets.items()
            if not to and not is_end(states[name])
        ),
    ]


def unnamed_actions(definition: State) -> list[str]:
    """States that are no end and whose names say no action."""
    states = definition["States"].items()
    return [name for name, state in states if not is_end(state) and not VERBS.match(name)]


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_leads_on_and_is_reached(name: str) -> None:
    assert broken_ways(MACHINES[name]) == []


def test_a_way_to_nowhere_would_be_found() -> None:
    broken = copy.deepcopy(MACHINES["learn"])
    broken["States"]["StartPipeline"]["Next"] = "Nowhere"
    assert "Nowhere: no such state" in broken_ways(broken)
    assert "WaitForPipeline: never reached" in broken_ways(broken)


@pytest.mark.parametrize("name", MACHINES)
def test_a_state_s_name_says_what_it_does(name: str) -> None:
    assert unnamed_actions(MACHINES[name]) == []


def test_a_name_that_says_no_action_would_be_found() -> None:
    broken = copy.deepcopy(MACHINES["learn"])
    broken["States"]["Reason"] = broken["States"].pop("CheckReason")
    assert unnamed_actions(broken) == ["Reason"]


def next_of(state: State, **values: str) -> str:
    """Where a Choice over one variable each leads for these values."""
    for choice in state["Choices"]:
        variable = choice["Variable"].removeprefix("$.")
        if values.get(variable) == choice["StringEquals"]:
            return str(choice["Next"])
    return str(state["Default"])


@pytest.mark.parametrize("releases", [True, False])
def test_what_was_not_compared_with_the_live_model_is_never_released(releases: bool) -> None:
    states = learning.definition(replace(LEARN, releases=releases))["States"]
    for reason in (DATASET, SCHEDULE, DRIFT, PERSON):
        after = next_of(states["CheckChampion"], reason=reason)
        assert after == ("RequestRelease" if releases else "NotifyPending")
    assert next_of(states["CheckChampion"], reason=WITHOUT_CHAMPION) == "NotifyUnjudged"
    reached, open_ones = set(), ["NotifyUnjudged"]
    while open_ones:
        if (name := open_ones.pop()) not in reached:
            reached.add(name)
            # LearnAgain begins a run of its own, for a newer dataset and with a champion.
            open_ones += [] if name == "LearnAgain" else [way[0] for way in ways(states[name])]
    assert "RequestRelease" not in reached
    assert states["LearnAgain"]["Parameters"] == {"reason": DATASET}


@pytest.mark.parametrize("name", MACHINES)
def test_the_diagrams_are_those_of_the_definitions(name: str) -> None:
    found = (ROOT / OUT / f"{name}.md").read_text(encoding="utf-8")
    assert found == page(name, MACHINES[name]), "run `make diagrams`"


@pytest.mark.parametrize("name", MACHINES)
def test_a_diagram_shows_every_state_and_every_way(name: str) -> None:
    lines = mermaid(MACHINES[name]).splitlines()
    for state, body in MACHINES[name]["States"].items():
        assert len([line for line in lines if re.match(rf"    {state}[\[({{/]+\"", line)]) == 1
        for target, _, is_error in ways(body):
            arrow = "-.->" if is_error else "-->"
            pattern = rf"    {state} {re.escape(arrow)}(\|\"[^\"|]+\"\|)? {target}"
            assert any(re.fullmatch(pattern, line) for line in lines), (state, target)


def test_the_command_writes_a_page_a_machine(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path)]) == 0
    assert {path.stem for path in tmp_path.iterdir()} == set(MACHINES)
