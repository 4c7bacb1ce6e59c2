"""A run that is refused changes nothing; one that begins says what it replaces."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from operate import local, run, signals, summary
from operate.__main__ import main
from operate.deployment import Deployment
from operate.errors import InputError, OperateError
from operate.local import LocalCloud
from operate.loop import Journey
from operate.place import Place
from operate.progress import RunProgress

RUN_FILES = {name: f"of the serving run: {name}" for name in run.RUN_FILES}


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `make setup`, wherever these tests run."""
    monkeypatch.setattr(run, "EMULATOR", Path("/bin/sh"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name, text in RUN_FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@contextmanager
def held(home: Path, lock: str) -> Iterator[None]:
    with (home / lock).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write("4711")
        file.flush()
        yield


@contextmanager
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def unchanged(home: Path) -> bool:
    return all((home / name).read_text() == text for name, text in RUN_FILES.items())


@pytest.mark.parametrize("lock", ["run.lock", "lock"])
def test_a_second_run_leaves_the_first_as_it_is(
    home: Path, capsys: pytest.CaptureFixture[str], lock: str
) -> None:
    with held(home, lock):
        assert main(["run", "--once", "--home", str(home)]) == 1
    said = capsys.readouterr().err
    assert "another run is going" in said
    assert "process 4711" in said
    assert unchanged(home)


def test_a_mistyped_file_changes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--home", str(home), "--data", "nowhere.jsonl"]) == 2
    assert "nowhere.jsonl: there is no such file" in capsys.readouterr().err
    assert unchanged(home)


def test_where_nothing_is_installed_the_remedy_is_named(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "EMULATOR", home / "no emulator")
    assert main(["run", "--home", str(home)]) == 1
    assert "nothing is installed here yet: run `make setup`" in capsys.readouterr().err
    assert unchanged(home)


def test_a_named_port_that_is_taken_changes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with taken() as port:
        assert main(["run", "--home", str(home), "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert f"PORT={port} is taken" in said
    assert unchanged(home)


def test_a_full_disk_is_said_before_it_fills(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run.doctor, "RUN_BYTES", 10**18)
    assert main(["run", "--home", str(home)]) == 1
    assert "GB are needed: make room" in capsys.readouterr().err
    assert unchanged(home)


def test_without_a_named_port_a_free_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with taken() as port:
        monkeypatch.setattr(local, "PORT", port)
        cloud = LocalCloud(tmp_path, None, None)
        with cloud.reserved():
            assert cloud.port != port
            assert cloud.port > 0


def test_two_parts_never_get_one_port(tmp_path: Path) -> None:
    with taken() as port:
        pass
    cloud = LocalCloud(tmp_path, port, None)
    cloud.tracking_port = port
    with cloud.reserved():
        assert cloud.tracking_port != cloud.port == port
    with (
        pytest.raises(InputError, match=f"TRACKING_PORT={port} is taken"),
        LocalCloud(tmp_path, port, port).reserved(),
    ):
        pass


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["run", "--port", port])
    assert stopped.value.code == 2


def test_only_the_local_stage_runs_on_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--stage", "prod"]) == 2
    assert "only the local stage" in capsys.readouterr().err


def test_the_lock_names_its_process_and_is_free_afterwards(tmp_path: Path) -> None:
    cloud = LocalCloud(tmp_path)
    with cloud.reserved():
        assert (tmp_path / "run.lock").read_text() == str(os.getpid())
        with (
            pytest.raises(OperateError, match=f"process {os.getpid()}"),
            LocalCloud(tmp_path).reserved(),
        ):
            pass
    with cloud.reserved():
        pass


def looped(home: Path, shell: dict[str, str], said: io.StringIO) -> run.Loop:
    console = Console(file=said, width=80)
    return run.Loop(Place("local", home, shell), LocalCloud(home), RunProgress(console))


def test_a_run_says_what_it_replaces_and_what_it_does_not_take(home: Path) -> None:
    said = io.StringIO()
    run._log_what_is_replaced(looped(home, {"AWS_PROFILE": "work", "PATH": "/usr/bin"}, said))
    assert re.search(r"the run of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC go", said.getvalue())
    assert "client.env" in said.getvalue()
    assert "not taken from the shell: AWS_PROFILE;" in said.getvalue()
    assert "work" not in said.getvalue()


def test_a_first_run_in_a_plain_shell_says_neither(tmp_path: Path) -> None:
    said = io.StringIO()
    run._log_what_is_replaced(looped(tmp_path, {"PATH": "/usr/bin"}, said))
    assert said.getvalue() == ""


def test_a_run_that_begins_leaves_no_summary_of_an_earlier_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(LocalCloud):
        def start(self, env: object) -> None:
            raise OperateError("the local cloud did not start")

    monkeypatch.setattr(run._Packaging, "run", lambda self: None)
    monkeypatch.setattr(run.processes, "_is_closed", False)
    with pytest.raises(OperateError, match="did not start"):
        run.run(None, once=True, place=Place("local", home), cloud=Broken(home))
    assert [name for name in RUN_FILES if (home / name).exists()] == []


class Dead(LocalCloud):
    """A local cloud whose emulator has died."""

    has_started = True  # type: ignore[assignment]

    def is_alive(self) -> bool:
        return False


def test_whatever_fails_when_the_cloud_has_died_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(loop: run.Loop) -> None:
        raise OperateError("cdk deploy failed: socket hang up")

    monkeypatch.setattr(run, "_bring_up", fail)
    monkeypatch.setattr(run.processes, "_is_closed", False)
    with pytest.raises(OperateError, match="has ended by itself") as told:
        run.run(None, once=True, place=Place("local", tmp_path), cloud=Dead(tmp_path))
    assert str(tmp_path / "cloud.log") in str(told.value)


def test_a_cloud_without_its_record_is_not_alive(tmp_path: Path) -> None:
    cloud = LocalCloud(tmp_path)
    assert not cloud.is_alive()
    assert not cloud.has_started


class Serving(LocalCloud):
    """A local cloud that answers so often and then has ended by itself."""

    def __init__(self, home: Path, looks: int) -> None:
        super().__init__(home)
        self.looks = looks

    def is_alive(self) -> bool:
        self.looks -= 1
        return self.looks >= 0

    def has_died(self, within_seconds: float = 0) -> bool:
        return self.looks < 0


class Watching:
    """What is new, look by look; an exception is raised."""

    def __init__(self, *news: object) -> None:
        self.left = list(news)

    def news(self) -> list[str]:
        new = self.left.pop(0) if self.left else []
        if isinstance(new, BaseException):
            raise new
        assert isinstance(new, list)
        return new


def serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watching: Watching, looks: int, *, stands: bool
) -> str:
    """What a run prints that serves for so many looks, ended by a signal or by its cloud."""
    printed = io.StringIO()
    loop = run.Loop(
        Place("local", tmp_path),
        Serving(tmp_path, looks),
        RunProgress(Console(file=printed, width=200)),
    )
    deployed = Deployment(loop.place, {})
    monkeypatch.setattr(run, "Watch", lambda *given: watching)
    monkeypatch.setattr(run, "LOOK_SECONDS", 0)
    monkeypatch.setattr(run.stacks, "stands", lambda name: stands)
    monkeypatch.setattr(run.ClientFile, "renew", lambda self: None)
    monkeypatch.setattr(run.ClientFile, "keep_fresh", lambda self, now: False)
    with contextlib.suppress(OperateError):
        run._serve(loop, Journey(deployed, loop.progress))
        printed.write("ended well")
    return printed.getvalue()


def test_a_run_that_serves_prints_what_is_new_and_ends_well_by_a_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = Watching([], ["live: version 2"], signals.Stopped(2))
    printed = serve(tmp_path, monkeypatch, watching, 9, stands=True)
    assert re.search(r"\d\d UTC  live: version 2\n", printed)
    assert printed.endswith("stopping\nended well")


def test_a_cloud_that_ends_by_itself_ends_the_serving_badly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "ended well" not in serve(tmp_path, monkeypatch, Watching(), 2, stands=True)


def test_trouble_is_printed_once_and_serving_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = OperateError("so it is")
    watching = Watching([], trouble, trouble, ["live: version 2"], signals.Stopped(15))
    printed = serve(tmp_path, monkeypatch, watching, 1000, stands=True)
    assert printed.count("the state of the stage cannot be read now: so it is") == 1
    assert "live: version 2" in printed


def test_a_stage_that_was_destroyed_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = serve(tmp_path, monkeypatch, Watching(), 4, stands=False)
    assert printed.count("the stage was destroyed; Ctrl-C stops the local cloud too") == 1


def supervisor(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A home, and a program in the place of the local cloud's."""
    home = folder / "my home é"
    home.mkdir()
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(local, "EMULATOR", program)
    return home


def test_a_cloud_is_awaited_and_stopped_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        'trap "touch \\"$5/stopped\\"; exit 0" TERM; echo "{}" > "$5/cloud.json"; echo ready x\n'
    )
    script += "while :; do sleep 0.05; done"
    home = supervisor(tmp_path, monkeypatch, script)
    cloud = LocalCloud(home)
    cloud.start({"PATH": os.environ["PATH"]})
    assert cloud.is_alive()
    assert cloud.has_started
    assert not cloud.has_died(within_seconds=0.1)
    cloud.stop()
    assert (home / "stopped").exists()
    assert not cloud.is_alive()


def test_a_cloud_that_cannot_start_says_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = supervisor(tmp_path, monkeypatch, "echo one; echo port 4566 is taken >&2; exit 2")
    with pytest.raises(OperateError, match="did not start: port 4566 is taken"):
        LocalCloud(home).start({"PATH": os.environ["PATH"]})


def test_a_cloud_that_says_nothing_is_given_up_and_its_log_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "START_SECONDS", 0.3)
    home = supervisor(tmp_path, monkeypatch, "exec sleep 60")
    cloud = LocalCloud(home)
    with pytest.raises(OperateError, match=r"did not answer within 0.3 s: .*cloud\.log"):
        cloud.start({"PATH": os.environ["PATH"]})
    assert not cloud.is_alive()


def test_a_cloud_that_dies_is_noticed_by_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'echo "{}" > "$5/cloud.json"; echo ready x; exec sleep 60'
    home = supervisor(tmp_path, monkeypatch, script)
    cloud = LocalCloud(home)
    cloud.start({"PATH": os.environ["PATH"]})
    (home / "cloud.json").unlink()  # the supervisor's first act when its emulator has ended
    assert cloud.has_died()
    cloud.stop()


def found(rejected: dict[str, int]) -> summary.Summary:
    return summary.Summary(
        reviews=summary.Reviews(read=10, kept=9, duplicates=0, rejected=rejected),
        model=summary.Model(version=1, metrics={"accuracy": 0.7}, gate="passed"),
        endpoint=summary.EndpointSummary("InService", 1),
        api=summary.ApiSummary("https://localhost:4566/x", 200, 5, 12.3),
        drift=summary.Drift("insufficient", 0),
        alerts=summary.AlertSummary(1),
        seconds={"total": 40.0},
    )


def test_the_summary_is_written_whole_and_shown_in_words(tmp_path: Path) -> None:
    made = found({"no_text": 1})
    made.save(tmp_path / "summary.json")
    assert json.loads((tmp_path / "summary.json").read_text())["reviews"]["rejected"] == {
        "no_text": 1
    }
    assert list(tmp_path.glob("*.part")) == []
    shown = io.StringIO()
    address = "https://localhost:4566/" + "very/" * 40
    summary.show(made, Console(file=shown, width=60), {"report": "a b", "API": address})
    text = shown.getvalue()
    assert "10 read = 9 kept + 0 duplicates + 1 rejected" in text
    assert address in text


def test_only_what_answers_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://localhost:4566")
    (tmp_path / "client.env").write_text("API_URL='https://localhost:4566/a b'\n")
    loop = looped(tmp_path, {}, io.StringIO())
    offered = run._addresses(loop)
    assert offered["API"] == "https://localhost:4566/a b"
    assert offered["MLflow"].endswith("/#/experiments/1/runs?workflowType=machine_learning")


def test_input_errors_are_bad_arguments() -> None:
    assert InputError("x").exit_status == 2
    assert OperateError("x").exit_status == 1
