"""What `make bench` says is what was used: whole trees of processes, orphans too."""

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench import table
from bench.peers import rules
from bench.worker import Disk
from reviews.clean import clean

ROOT = Path(__file__).parents[3]
BUSY = "import time\nwhile time.process_time() < 0.3: pass\n"
PARENT = "import subprocess, sys; {start}([sys.executable, '-c', {program!r}])"
MEASURE = """
import json, sys
from dataclasses import asdict
from bench.measure import RunError, measure
try:
    print(json.dumps(asdict(measure(sys.argv[1:]))))
except RunError as error:
    sys.exit(str(error))
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="bench reads /proc: Linux only")


def measured(*words: str) -> subprocess.CompletedProcess[str]:
    """Measure in a process of its own: it adopts orphans, and pytest has children of its own."""
    return subprocess.run(
        [sys.executable, "-c", MEASURE, sys.executable, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@linux
@pytest.mark.parametrize("start", ["subprocess.run", "subprocess.Popen"])
def test_the_time_of_children_counts_whether_they_are_waited_for_or_not(start):
    program = PARENT.format(start=start, program=BUSY)
    cost = json.loads(measured("-W", "ignore", "-c", program).stdout)
    assert 0.3 <= cost["cpu_seconds"] < 3


@linux
def test_the_memory_of_a_whole_tree_is_added_up():
    hold = "held = bytearray(60_000_000); import time; time.sleep(1)"
    program = f"import subprocess, sys; {hold.replace('time.sleep(1)', '')}"
    program += f"subprocess.run([sys.executable, '-c', {hold!r}])"
    assert 120 <= json.loads(measured("-c", program).stdout)["peak_megabytes"] < 250


@linux
def test_a_command_that_fails_is_told_with_its_last_words():
    failed = measured("-c", "print('why', flush=True); raise SystemExit(3)")
    assert failed.returncode == 1
    assert re.search(r"ended with 3:\n+why", failed.stderr)


@linux
def test_a_child_that_was_there_before_is_neither_waited_for_nor_counted():
    program = MEASURE.replace(
        "try:", "import subprocess\nold = subprocess.Popen(['sleep', '60'])\ntry:", 1
    )
    program += "finally:\n    old.kill(); old.wait()\n"
    words = [sys.executable, "-c", program, sys.executable, "-c", "print(1)"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=20, check=True)
    assert json.loads(done.stdout)["cpu_seconds"] < 3


@linux
def test_files_without_a_name_count_as_disk_and_those_elsewhere_do_not(tmp_path):
    disk = Disk(tmp_path)
    with tempfile.TemporaryFile(dir=tmp_path) as one, (tmp_path / "two").open("wb") as two:
        for file, size in ((one, 5_000), (two, 300)):
            file.write(b"x" * size)
            file.flush()
        disk.look([os.getpid()])
    disk.look([os.getpid()])
    assert disk.peak_bytes == 5_300


def test_peers_take_a_missing_title_for_an_empty_one():
    assert rules.tidy(rules.visible(None)) == ""
    assert rules.sample(None, "a &lt;3") == clean(None, "a &lt;3").sample


def contender(rate):
    return {
        "rows": 1,
        "reviews_per_cpu_second": rate,
        "reviews_per_cpu_second_startup_apart": rate,
        "startup_cpu_seconds": 0.5,
        "peak_megabytes": 200,
    }


def results(loop_rate, rows=100_000):
    peers = {"PySpark rows + fastText": 10, "pandas + langdetect": 1, "plain loop": loop_rate}
    contenders = {"ours": contender(100)} | {name: contender(r) for name, r in peers.items()}
    speed = {"rows": rows, "contenders": contenders, "language_share": 0.1}
    return {"machine": "a machine", "data": "some data", "speed": speed}


def test_a_promise_that_is_kept_and_one_that_is_not_are_told_apart():
    name = "times the plain loop, start-up apart"
    for rate, is_met in ((90, True), (110, False)):
        goals = {goal["name"]: goal["met"] for goal in table.targets(results(rate))}
        assert goals[name] == is_met
        assert all(met for other, met in goals.items() if other != name)


def test_nothing_is_promised_for_few_rows():
    assert table.targets(results(90, rows=5_000)) == []


def test_the_table_shows_each_way_and_each_broken_promise():
    found = results(110)
    words = table.render(found | {"targets": table.targets(found)})
    assert all(name in words for name in found["speed"]["contenders"])
    assert words.count("| NO") == 1


def call(**figures):
    found = {"import_seconds": 0.1, "wall_seconds": 5.0, "whole_cpu_seconds": 5.0}
    return {**found, "peak_megabytes": 300, "disk_megabytes": 100, "rows": 9, **figures}


@pytest.mark.parametrize(
    ("worker", "plan", "broken"),
    [
        ({}, {}, []),
        ({"peak_megabytes": 1_770}, {}, ["a function's memory, MB"]),
        ({}, {"peak_megabytes": 1_770}, ["a function's memory, MB"]),
        ({"disk_megabytes": 2_049}, {}, ["a worker's /tmp, MB"]),
        ({}, {"disk_megabytes": 513}, ["plan's /tmp, MB"]),
        ({"whole_cpu_seconds": 361}, {}, ["a worker's seconds on Lambda, estimated"]),
        (
            {},
            {"gzip_bytes_per_cpu_second": 49_000_000},
            ["MB of gzip cut up a second on Lambda, estimated"],
        ),
    ],
)
def test_a_limit_of_lambda_that_is_passed_is_a_broken_promise(worker, plan, broken):
    sizes = {"gzip_bytes": 9, "parts": 1, "gzip_bytes_per_cpu_second": 60_000_000}
    functions = {"shards": {"one": call(**worker)}, "plan": call(**sizes | plan)}
    goals = table.targets({"worker": functions})
    assert [goal["name"] for goal in goals if not goal["met"]] == broken


def test_limits_are_those_of_the_template():
    limits = importlib.import_module("infra.constructs.preprocessing")
    function = importlib.import_module("infra.blocks.function")
    assert table.MEMORY_MB == function.FULL_CPU_MB
    assert table.DISK_MB == {"worker": limits.WORKER_DISK_MB, "plan": function.MIN_DISK_MB}
