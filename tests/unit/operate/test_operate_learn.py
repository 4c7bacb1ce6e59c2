"""What a person reads of a run that they asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from lambdas.ports import machines, models, objects
from lambdas.ports.models import Package
from operate import follow, loop
from operate.deployment import Deployment
from operate.follow import Finished
from operate.place import Place
from tests.unit.training.evaluations import make_evaluation

ARN = "arn:aws:sagemaker:us-east-1:000000000000:model-package/review-stars-local/3"


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Approved"])
def test_a_version_that_waits_says_what_puts_it_live(
    approval: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[object] = []
    now = datetime.now(UTC)
    metadata = {"evaluation_uri": "s3://models/evaluation.json"}
    package = Package(ARN, 3, "Completed", approval, now, "g", "s3://models/m", metadata)
    done = Finished(ARN, "SUCCEEDED", {"model_package_arn": ARN}, "", "")
    monkeypatch.setattr(machines, "start", lambda _, event: started.append(event) or "run")
    monkeypatch.setattr(follow, "finished", lambda *_, **__: done)
    monkeypatch.setattr(models, "describe_package", lambda _: package)
    monkeypatch.setattr(objects, "read_uri", lambda _: msgspec.json.encode(make_evaluation()))
    loop.learn_now(Deployment(Place("local"), {"LearnMachineArn": "m"}), without_champion=True)
    assert started == [{"reason": "without_champion"}]
    waits = "version 3 waits for approval, what serves goes on serving"
    printed = " ".join(capsys.readouterr().out.split())
    assert (waits in printed) is (approval != "Approved")
    assert ("make release STAGE=local VERSION=3" in printed) is (approval != "Approved")
