"""The loop as a user sees it: a file in, a rating out, an alert heard, a second file, version 2.

The last test leaves a dataset that no model should come of: nothing may learn after it.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from tests.docs.commands_run import BLOCK
from tests.e2e.conftest import PREFIX, ROOT, Running, aws, operate

pytestmark = pytest.mark.e2e
REVIEW = json.dumps({"title": "Love it", "text": "Works great, highly recommend!"})
VERSION_2_SECONDS = 240
LEARN_SECONDS = 240


def curl(running: Running, path: str, body: str | None, *, signed: bool) -> tuple[int, Any]:
    """One request by curl, as the README shows it; returns status and parsed body."""
    client = running.client
    words = ["curl", "-s", "-w", "\n%{http_code}", "--cacert", client["AWS_CA_BUNDLE"]]
    if signed:
        words += ["--aws-sigv4", f"aws:amz:{client['AWS_REGION']}:execute-api"]
        words += ["--user", f"{client['AWS_ACCESS_KEY_ID']}:{client['AWS_SECRET_ACCESS_KEY']}"]
        words += ["-H", f"x-amz-security-token: {client['AWS_SESSION_TOKEN']}"]
    if body is not None:
        words += ["-H", "content-type: application/json", "-d", body]
    done = subprocess.run(
        [*words, client["API_URL"] + path], capture_output=True, text=True, check=True, timeout=60
    )
    answer, status = done.stdout.rsplit("\n", 1)
    return int(status), json.loads(answer) if answer.strip() else None


def test_the_summary_adds_up(running: Running) -> None:
    reviews = running.summary["reviews"]
    aside = sum(reviews["rejected"].values())
    assert reviews["read"] == reviews["kept"] + reviews["duplicates"] + aside
    assert reviews["kept"] > 0
    assert aside > 0


def test_the_model_passed_its_gate_and_serves(running: Running) -> None:
    assert running.summary["model"]["gate"] == "passed"
    metrics = running.summary["model"]["metrics"]
    assert metrics["accuracy"] > metrics["majority"]
    assert running.summary["endpoint"] == {"status": "InService", "model_version": 1}


def test_our_own_questions_are_no_window_and_the_release_was_heard(running: Running) -> None:
    assert running.summary["drift"] == {"verdict": "insufficient", "n": 0}
    alerts = [json.loads(line) for line in (running.home / "inbox.jsonl").read_text().splitlines()]
    assert 1 <= running.summary["alerts"]["delivered"] <= len(alerts)
    assert [alert for alert in alerts if "version 1 released" in alert["message"]]


def test_a_signed_request_is_answered(running: Running) -> None:
    status, answer = curl(running, "/v1/ratings", REVIEW, signed=True)
    assert status == 200, answer
    assert answer["stars"] == 5  # "Love it", "highly recommend"
    assert len(answer["probabilities"]) == 5
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-6)


def test_an_unsigned_request_is_refused(running: Running) -> None:
    status, _ = curl(running, "/v1/ratings", REVIEW, signed=False)
    assert status == 403


def test_health_needs_no_signature(running: Running) -> None:
    status, _ = curl(running, "/v1/health", None, signed=False)
    assert status == 200


def test_a_bad_request_names_the_field_and_repeats_no_value(running: Running) -> None:
    body = json.dumps({"text": 7, "title": "a secret"})
    status, answer = curl(running, "/v1/ratings", body, signed=True)
    assert status == 400
    assert "text" in json.dumps(answer)
    assert "a secret" not in json.dumps(answer)


def test_a_version_leads_back_to_its_rows(running: Running) -> None:
    words = operate("lineage", "--home", str(running.home))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    found = json.loads(done.stdout)
    assert found["model"]["version"] == 1
    assert re.fullmatch(r".+/review-stars:[0-9a-f]{64}", found["model"]["image"])
    assert found["serving"]["live"] is True
    assert found["releases"][0]["outcome"] == "released"
    assert found["dataset"]["counts"]["read"] == running.summary["reviews"]["read"]
    assert found["dataset"]["parquet_objects"] > 1  # the map had more than one shard
    assert found["dataset"]["sources"][0]["key"] == "incoming/reviews.jsonl.gz"
    assert found["run"]["tracking"]["sent"] is True
    assert found["evaluation"]["model_card_in_registry"] == "PendingReview"


def test_a_file_is_answered_by_a_batch_job_once(running: Running) -> None:
    file = running.home / "many.jsonl"
    file.write_text(f"{REVIEW}\n{{broken\n{REVIEW}\n")
    words = operate("predict", "--home", str(running.home), "--file", str(file))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    out = done.stdout.splitlines()[-1]
    assert out.endswith("/predictions/predict/"), done.stdout
    lines = read_objects(running, "predictions/predict/")
    assert [bool(line["reason"]) for line in lines] == [False, True, False]
    _, answer = curl(running, "/v1/ratings", REVIEW, signed=True)
    for line in (lines[0], lines[2]):
        assert line["stars"] == answer["stars"]
        assert line["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-9)
    again = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "1 answered before" in again.stdout


def test_a_request_id_leads_to_its_rows_and_to_the_same_answer(
    running: Running, tmp_path: Path
) -> None:
    """By the lines of docs/reproducing.md as they stand there, in a clone."""
    if not (ROOT / ".git").exists():
        pytest.skip("no history here: the page goes back to a commit")
    _, answer = curl(running, "/v1/ratings", REVIEW, signed=True)
    time.sleep(3)  # the stream writes each second
    clone, march = clone_beside_the_cloud(running, tmp_path), tmp_path / "march"
    version = answer["model_version"]
    first, *rest = BLOCK.findall((ROOT / "docs/reproducing.md").read_text())
    filled = {
        "STAGE=prod": "STAGE=local",
        "0b6e41aa-5b0c-4a1e-9d7e-1f0c7c3f8a55": answer["request_id"],
        "2026-03-14": f"{datetime.now(UTC):%F}",
        "version-7": f"version-{version}",
    }
    said = type_lines(first, filled, clone)
    found = json.loads(said[said.index("{") :])
    folder = clone / ".local" / "march" / f"version-{version}"
    assert [one["stars"] for one in found["answers"]] == [answer["stars"]]
    assert list(found["versions"]) == [version]
    lineage = (folder / "lineage.json").read_text()
    kept = json.loads(lineage)["dataset"]["counts"]["kept"]
    assert sum(parquet.read_metadata(file).num_rows for file in folder.rglob("*.parquet")) == kept

    # A commit with changes that were not committed is marked; what can be had again is the commit.
    [commit] = set(re.findall(r'"git_commit": "([0-9a-f]{40})', lineage))
    filled["<git_commit of lineage.json>"] = commit
    assert len(rest) == 3
    (tmp_path / "question.jsonl").write_text(f"{REVIEW}\n")
    rest[1] = f"cp ../question.jsonl .\n{rest[1]}"  # which the page says in a sentence
    type_lines("\n".join(rest), filled, clone)
    line = json.loads((march / "answer.jsonl").read_text())
    assert line["stars"] == answer["stars"]
    assert line["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-9)
    trained = json.loads((march / "again" / "model.json").read_text())
    # A model's version is the digest of its files.
    assert trained["version"] == found["versions"][version]["model"]


def clone_beside_the_cloud(running: Running, folder: Path) -> Path:
    """A clone whose local stage is this loop's; its packages are installed as anywhere."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    (clone / ".local").mkdir()
    shutil.copy(running.home / "cloud.json", clone / ".local")
    return clone


def type_lines(lines: str, filled: dict[str, str], folder: Path) -> str:
    """What a shell prints for lines of a page, with what a person has put in place."""
    for example, own in filled.items():
        lines = lines.replace(example, own)
    words = ["bash", "-euo", "pipefail", "-c", lines]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_reviews_of_another_kind_are_told_as_drift(running: Running) -> None:
    words = "MUY BUENO el producto llego rapido y funciona perfectamente lo recomiendo"
    batch = json.dumps({"reviews": [{"text": f"{words} {i}"} for i in range(100)]})
    for _ in range(21):
        status, _ = curl(running, "/v1/ratings", batch, signed=True)
        assert status == 200
    time.sleep(3)  # the stream writes each second
    words = operate("drift", "--home", str(running.home))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    verdict = json.loads(done.stdout)
    assert verdict["verdict"] == "drift", verdict
    assert verdict["n"] >= 2100
    deadline = time.monotonic() + 30
    inbox = running.home / "inbox.jsonl"
    while "drift" not in inbox.read_text() and time.monotonic() < deadline:
        time.sleep(1)
    assert "drift" in inbox.read_text()


def test_a_second_run_says_that_another_is_going_and_leaves_it(running: Running) -> None:
    kept = {name: (running.home / name).read_bytes() for name in ("client.env", "summary.json")}
    words = operate("run", "--once", "--home", str(running.home))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "another run is going" in done.stderr
    assert {name: (running.home / name).read_bytes() for name in kept} == kept


def test_whether_the_purchase_was_verified_moves_the_answer_and_says_by_how_much(
    running: Running,
) -> None:
    words = {"title": "Fine", "text": "It does what it should, I use it each day.", "explain": True}
    answers = []
    for said in (True, False, None):
        body = json.dumps(words | {"verified_purchase": said})
        status, answer = curl(running, "/v1/ratings", body, signed=True)
        assert status == 200
        answers.append(answer)
    yes, no, unsaid = answers
    assert yes["probabilities"] != no["probabilities"]
    for answer, is_said in ((yes, True), (no, True), (unsaid, False)):
        explanation = answer["explanation"]
        named = [p for p in explanation["parts"] if p["field"] == "verified_purchase"]
        assert len(named) == is_said
        total = sum(part["contribution"] for part in explanation["parts"])
        assert abs(total - explanation["logit"]) < 1e-6


def test_a_person_asks_in_one_command(running: Running) -> None:
    words = operate(
        "ask", "--home", str(running.home), "--text", "It's broken.", "--verified", "no"
    )
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["stars"] in (1, 2, 3, 4, 5)
    assert (running.home / "client.env").read_text().startswith("API_URL=")


def read_objects(running: Running, prefix: str, suffix: str = "") -> list[dict[str, Any]]:
    """Every document of the objects under a prefix of the curated bucket, in order of keys."""
    program = """
import json, sys
from pathlib import Path
from lambdas.ports import objects
from operate import deployment
from operate.place import Place
place = Place("local", Path(sys.argv[1]))
place.enter()
bucket = deployment.read(place)["CuratedBucket"]
for key in objects.list_keys(bucket, sys.argv[2]):
    if key.endswith(sys.argv[3]):
        body = objects.read(bucket, key)
        for document in [body] if key.endswith(".json") else body.splitlines():
            print(json.dumps(json.loads(document)))
"""
    words = [operate()[0], "-c", program, str(running.home), prefix, suffix]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def damaged_sample(file: Path) -> int:
    """A sample in which three lines of ten break off; returns how many were cut."""
    words = ["-m", "reviews", "sample", "--rows", "5000", "--seed", "11", "--out", str(file)]
    subprocess.run([operate()[0], *words], cwd=ROOT, check=True, timeout=60)
    lines = file.read_bytes().splitlines()
    cut = [i for i in range(len(lines)) if i % 10 < 3 and lines[i].startswith(b"{")]
    for i in cut:
        lines[i] = lines[i][: len(lines[i]) // 2]
    file.write_bytes(b"\n".join(lines) + b"\n")
    return len(cut)


def test_a_second_file_makes_version_2_while_the_api_keeps_answering(running: Running) -> None:
    file = running.home / "damaged.jsonl"
    cut = damaged_sample(file)
    upload = operate("upload", "--home", str(running.home), str(file))
    subprocess.run(upload, cwd=ROOT, check=True, timeout=60)
    statuses: set[int] = set()
    versions: list[str] = []
    deadline = time.monotonic() + VERSION_2_SECONDS
    while time.monotonic() < deadline and (not versions or not versions[-1].endswith("2")):
        status, answer = curl(running, "/v1/ratings", REVIEW, signed=True)
        statuses.add(status)
        if status == 200 and str(answer["model_version"]) not in versions[-1:]:
            versions.append(str(answer["model_version"]))
        time.sleep(0.2)
    assert versions[-1].endswith("2"), running.log()[-3000:]
    assert statuses == {200}
    check_that_nothing_is_lost(running, file, cut)


def check_that_nothing_is_lost(running: Running, file: Path, cut: int) -> None:
    """What was cut lies in the curated bucket, raw line and reason, and the counts add up."""
    rejected = read_objects(running, "rejected/")
    counts = read_objects(running, "datasets/", "dataset.json")[-1]["counts"]
    assert counts["read"] == (
        counts["kept"] + counts["duplicates"] + sum(counts["rejected"].values())
    )
    assert len(rejected) == sum(counts["rejected"].values())
    assert counts["rejected"]["not_json"] >= cut
    assert all(record["reason"] for record in rejected)


def test_the_last_notebook_looks_at_the_pipeline_and_compares_versions(
    running: Running, tmp_path: Path
) -> None:
    python = ROOT / ".local/venvs/notebooks/bin/python"
    if not python.exists():
        pytest.skip("no SageMaker SDK here: run `make sdk`")
    words = [str(python), "notebooks/pages.py", "03_training", "--stage", "local"]
    words += ["--home", str(running.home), "--out", str(tmp_path)]
    environment = {**os.environ, "ROWS": "1500"}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "03_training.md").read_text()
    assert "Train: Succeeded" in page
    assert {"<th>version 1</th>", "<th>version 2</th>"} <= {
        line.strip() for line in page.split("\n")
    }


def test_a_worse_model_is_refused_with_its_reasons_and_changes_nothing(running: Running) -> None:
    """Somebody uploads 2 % of the first file in its place: what is left is a third of the rows."""
    deadline = time.monotonic() + 60  # the API answers by version 2 a moment before it is live
    while not (before := standing(running))["live"].endswith("/2"):
        assert time.monotonic() < deadline, before
        time.sleep(1)
    since = datetime.now(UTC).replace(microsecond=0)
    file = running.home / "few" / "reviews.jsonl.gz"
    rows = gzip.decompress((running.home / "sample" / file.name).read_bytes()).splitlines()
    file.parent.mkdir()
    file.write_bytes(gzip.compress(b"\n".join(rows[: len(rows) // 50])))
    upload = operate("upload", "--home", str(running.home), str(file))
    subprocess.run(upload, cwd=ROOT, check=True, timeout=60)
    learned = ended_learning(running, since)
    assert (learned["status"], learned["error"]) == ("FAILED", "refused")
    check_the_reasons(running, learned["cause"])
    assert standing(running) == before
    status, answer = curl(running, "/v1/ratings", REVIEW, signed=True)
    assert (status, answer["model_version"]) == (200, "2")
    check_that_it_was_told(running, learned["cause"])


def standing(running: Running) -> dict[str, Any]:
    """What a refused model must leave as it is: the packages, the live record, what serves."""
    sagemaker = aws(running, "sagemaker")
    packages = sagemaker.list_model_packages(ModelPackageGroupName=PREFIX)
    live = aws(running, "ssm").get_parameter(Name=f"/{PREFIX}/live")
    [endpoint] = sagemaker.list_endpoints()["Endpoints"]
    serving = sagemaker.describe_endpoint(EndpointName=endpoint["EndpointName"])
    return {
        "packages": [item["ModelPackageArn"] for item in packages["ModelPackageSummaryList"]],
        "live": live["Parameter"]["Value"],
        "serving": (serving["EndpointStatus"], serving["EndpointConfigName"]),
    }


def ended_learning(running: Running, since: datetime) -> dict[str, Any]:
    """The run of the Learn machine that began since then, at its end; the API answers meanwhile."""
    machines = aws(running, "stepfunctions")
    [arn] = [
        item["stateMachineArn"]
        for item in machines.list_state_machines()["stateMachines"]
        if item["name"].endswith("-learn")
    ]
    deadline = time.monotonic() + LEARN_SECONDS
    while time.monotonic() < deadline:
        listed = machines.list_executions(stateMachineArn=arn)["executions"]
        begun = [item for item in listed if item["startDate"] >= since]
        if begun and all(item["status"] != "RUNNING" for item in begun):
            [one] = begun
            found: dict[str, Any] = machines.describe_execution(executionArn=one["executionArn"])
            return found
        status, _ = curl(running, "/v1/ratings", REVIEW, signed=True)
        assert status == 200
        time.sleep(0.5)
    pytest.fail(f"learning did not end:\n{running.log()[-3000:]}")


def check_the_reasons(running: Running, cause: str) -> None:
    """The pipeline's own words name every condition that failed, and the machine repeats them."""
    sagemaker = aws(running, "sagemaker")
    pages = sagemaker.list_pipeline_executions(PipelineName=PREFIX)["PipelineExecutionSummaries"]
    newest = max(pages, key=lambda item: item["StartTime"])["PipelineExecutionArn"]
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=newest)
    by_name = {step["StepName"]: step for step in steps["PipelineExecutionSteps"]}
    assert by_name["Track"]["StepStatus"] == "Succeeded"  # refused runs are tracked too
    assert "Register" not in by_name
    assert by_name["Refused"]["FailureReason"] == cause
    key = f"runs/{newest.rsplit('/', 1)[1]}/evaluation/evaluation.json"
    bucket = f"{PREFIX}-models-000000000000-us-east-1"
    body = aws(running, "s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    failed = [item for item in json.loads(body)["gate"]["conditions"] if not item["passed"]]
    assert failed
    assert cause.startswith("Refused: ")
    assert all(item["message"] in cause for item in failed)
    # Both were asked about the same rows, and the newer of two versions of one key counts.
    assert any("worse than the champion's" in item["message"] for item in failed)
    sources = read_objects(running, "datasets/", "dataset.json")[-1]["sources"]
    assert sorted(source["rows"] < 200 for source in sources) == [False, True]


def check_that_it_was_told(running: Running, cause: str) -> None:
    """An alert with the reasons was heard, and whoever watches `make run` reads it."""
    told = f"{PREFIX}: no model was registered"
    deadline = time.monotonic() + 30
    while told not in running.log() and time.monotonic() < deadline:
        time.sleep(0.5)
    alerts = [json.loads(line) for line in (running.home / "inbox.jsonl").read_text().splitlines()]
    [alert] = [alert for alert in alerts if alert["subject"] == told]
    assert alert["message"].endswith(f": {cause}")
    assert cause in " ".join(running.log().split())
