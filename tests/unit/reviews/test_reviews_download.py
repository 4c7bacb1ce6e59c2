import gzip
import hashlib
import re
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reviews import download as downloading
from reviews.__main__ import main
from reviews.download import MAX_WAIT_SECONDS, TRIES, download
from reviews.errors import ConfigurationError, DownloadError, UnreadableSourceError
from reviews.synthetic import raw_lines

NAME = "Gift_Cards"
BODY = gzip.compress(b"\n".join(raw_lines(rows=200, seed=1)), mtime=0)
HALF = len(BODY) // 2


class Server(ThreadingHTTPServer):
    """Serves BODY, or breaks promises as `plan` says, one word a request; then it is honest.

    asked: the range of each request, in order.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan, self.asked, self.body, self.etag = [], [], BODY, '"v1"'
        self.stalled, self.go_on = threading.Event(), threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def do_GET(self):
        asked = self.headers["Range"]
        self.server.asked.append(asked)
        plan = self.server.plan.pop(0) if self.server.plan else "honest"
        if plan.isdecimal() or plan.startswith("wait"):
            self.refuse(plan)
            return
        if plan.startswith("to "):
            self.answer(302, {"Location": plan[3:] + self.path, "Content-Length": "0"}, b"")
            return
        body, status, headers = self.server.body, 200, {"ETag": self.server.etag}
        same = plan == "heedless" or self.headers["If-Range"] in (None, self.server.etag)
        begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and same else 0
        if begin and begin >= len(body):
            self.answer(416, {"Content-Range": f"bytes */{len(body)}"}, b"")
            return
        if plan == "uninvited":  # a part, and nobody asked for one
            headers["Content-Range"] = f"bytes 0-{HALF - 1}/{len(body)}"
            status, body = 206, body[:HALF]
        if begin and plan != "whole":
            shift = 1 if plan == "elsewhere" else 0
            status = 206
            headers["Content-Range"] = f"bytes {begin + shift}-{len(body) - 1}/{len(body)}"
            body = body[begin + shift :]
        length = {"longer": len(body) + 100, "shorter": HALF, "unsaid": None}.get(plan, len(body))
        if length is not None:
            headers["Content-Length"] = str(length)
        is_half = plan in ("break", "stall", "unsaid break")
        if plan == "unsaid break":
            del headers["Content-Length"]
        self.answer(status, headers, body[: HALF // 2] if is_half else body)
        if plan == "stall":
            self.server.stalled.set()
            self.server.go_on.wait()

    def refuse(self, plan):
        code, _, wait = plan.removeprefix("wait ").partition(" ")
        headers = {"Content-Length": "0"} | ({"Retry-After": wait} if wait else {})
        self.answer(int(code), headers, b"")

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = True


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.go_on.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def fetch(server, tmp_path):
    def run(*plan, **options):
        server.plan = list(plan)
        return download(NAME, tmp_path, base=server.url, **options)

    return run


def test_a_file_comes_whole_with_its_checksum_and_nothing_else(fetch, tmp_path):
    seen = []
    path = fetch(on_progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    digest = hashlib.sha256(BODY).hexdigest()
    assert (tmp_path / f"{NAME}.jsonl.gz.sha256").read_text() == f"{digest}  {NAME}.jsonl.gz\n"
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_there_is_not_fetched_again_unless_it_was_changed(fetch, server):
    path = fetch()
    fetch()
    assert len(server.asked) == 1
    path.write_bytes(b"something else")
    assert fetch().read_bytes() == BODY
    assert len(server.asked) == 2


def test_an_answer_that_breaks_off_is_gone_on_with(fetch, server):
    pauses = []
    assert fetch("break", "break", pause=pauses.append).read_bytes() == BODY
    assert server.asked == [None, f"bytes={HALF // 2}-", f"bytes={HALF // 2 * 2}-"]
    assert len(pauses) == 2


def test_another_process_goes_on_where_this_one_gave_up(fetch, server, tmp_path):
    with pytest.raises(DownloadError, match="goes on from there"):
        fetch("break", *["503"] * TRIES)
    assert (tmp_path / f"{NAME}.jsonl.gz.part").stat().st_size == HALF // 2
    assert fetch().read_bytes() == BODY
    assert server.asked[-1] == f"bytes={HALF // 2}-"


def test_a_file_that_changed_meanwhile_is_begun_anew(fetch, server):
    with pytest.raises(DownloadError):
        fetch("break", *["503"] * TRIES)
    server.body, server.etag = gzip.compress(b"other words" * 99), '"v2"'
    assert fetch().read_bytes() == server.body


@pytest.mark.parametrize("plan", ["whole", "elsewhere", "longer", "unsaid"])
def test_a_server_that_goes_on_badly_is_not_believed(fetch, plan):
    assert fetch("break", plan).read_bytes() == BODY


@pytest.mark.parametrize("plan", ["longer", "unsaid"])
def test_a_length_too_long_or_unsaid_does_no_harm(fetch, plan):
    assert fetch(plan).read_bytes() == BODY


def test_a_length_too_short_is_found_and_thrown_away(fetch, tmp_path):
    with pytest.raises(DownloadError, match="breaks off"):
        fetch("shorter")
    assert list(tmp_path.iterdir()) == []
    assert fetch().read_bytes() == BODY


def test_a_length_of_zero_is_no_file(fetch, server):
    server.body = b""
    with pytest.raises(DownloadError, match="0 bytes"):
        fetch()


def test_more_bytes_on_the_disk_than_the_server_has_are_thrown_away(fetch, server, tmp_path):
    with pytest.raises(DownloadError):
        fetch("break", *["503"] * TRIES)
    with (tmp_path / f"{NAME}.jsonl.gz.part").open("ab") as file:
        file.write(b"x" * len(BODY))
    assert fetch().read_bytes() == BODY
    assert server.asked[-2:] == [f"bytes={HALF // 2 + len(BODY)}-", None]


def test_a_part_of_which_nobody_knows_the_file_is_begun_anew(fetch, server, tmp_path):
    (tmp_path / f"{NAME}.jsonl.gz.part").write_bytes(BODY[:10])
    assert fetch().read_bytes() == BODY
    assert server.asked == [None]


def test_an_etag_that_is_an_md5_is_checked(fetch, server):
    server.etag = f'"{hashlib.md5(BODY).hexdigest()}"'
    assert fetch().read_bytes() == BODY
    server.etag = f'"{"0" * 32}"'
    fetch().unlink()
    with pytest.raises(DownloadError, match="MD5"):
        fetch()


def test_bytes_behind_the_gzip_are_damage(fetch, server):
    server.body = BODY + b"<html>an error page</html>"
    with pytest.raises(DownloadError, match="26 bytes at its end"):
        fetch()


def test_a_file_that_the_server_does_not_have_is_not_asked_for_twice(fetch, server):
    with pytest.raises(UnreadableSourceError, match="404"):
        fetch("404")
    assert len(server.asked) == 1


def test_a_server_in_trouble_is_asked_again(fetch, server):
    assert fetch("503", "429").read_bytes() == BODY
    assert len(server.asked) == 3


@pytest.mark.parametrize("code", ["429", "503"])
def test_a_server_that_wants_to_be_left_alone_is_left_alone(fetch, code):
    pauses = []
    assert fetch(f"wait {code} 37", pause=pauses.append).read_bytes() == BODY
    assert pauses == [37.0]


def test_a_time_to_come_back_is_told_by_the_servers_own_clock(fetch, monkeypatch):
    dated = "Tue, 24 Nov 2026 10:00:00 GMT"
    monkeypatch.setattr(Handler, "date_time_string", lambda self: dated)
    pauses = []
    assert fetch("wait 503 Tue, 24 Nov 2026 10:00:41 GMT", pause=pauses.append)
    assert pauses == [41.0]


@pytest.mark.parametrize("said", ["-5", "soon", "", "Tue, 24 Nov 1998 10:00:41 GMT"])
def test_a_wait_that_makes_no_sense_is_our_own(fetch, said):
    pauses = []
    assert fetch(f"wait 503 {said}", pause=pauses.append).read_bytes() == BODY
    assert pauses == [2.0]


def test_a_server_that_asks_for_hours_is_obeyed_by_giving_up(fetch, server, tmp_path):
    with pytest.raises(DownloadError, match=r"asks to wait 7,200 s \(429 .*goes on from there"):
        fetch("break", "wait 429 7200", pause=lambda seconds: None)
    assert MAX_WAIT_SECONDS < 7200
    assert len(server.asked) == 2
    assert fetch().read_bytes() == BODY
    assert server.asked[-1] == f"bytes={HALF // 2}-"


def test_a_redirect_is_followed_and_keeps_the_place(fetch, server):
    to = f"to {server.url}"
    assert fetch(to, "break", to, "honest").read_bytes() == BODY
    assert server.asked == [None, None, *[f"bytes={HALF // 2}-"] * 2]


def test_a_redirect_in_a_circle_is_a_refusal(fetch, server):
    with pytest.raises(UnreadableSourceError, match="302"):
        fetch(*[f"to {server.url}"] * 20)


def test_another_file_of_the_same_length_is_not_joined_to_what_came(fetch, server, tmp_path):
    with pytest.raises(DownloadError):
        fetch("break", *["503"] * TRIES)
    server.body, server.etag = BODY[:HALF] + BODY[:HALF], '"v2"'
    server.body = server.body.ljust(len(BODY), b"x")
    with pytest.raises(DownloadError, match="503"):
        fetch("heedless", *["503"] * TRIES)
    assert (tmp_path / f"{NAME}.jsonl.gz.part").stat().st_size == 0


def test_a_part_that_nobody_asked_for_is_not_the_file(fetch, tmp_path):
    assert fetch("uninvited").read_bytes() == BODY


def test_an_answer_that_breaks_off_unseen_is_found_and_thrown_away(fetch, tmp_path):
    with pytest.raises(DownloadError, match=r"breaks off.*thrown away; the same command"):
        fetch("unsaid break")
    assert list(tmp_path.iterdir()) == []
    assert fetch().read_bytes() == BODY


def test_a_server_that_falls_silent_is_asked_again(fetch, server, monkeypatch):
    monkeypatch.setattr(downloading, "TIMEOUT_SECONDS", 0.1)
    assert fetch("stall").read_bytes() == BODY
    assert server.asked == [None, f"bytes={HALF // 2}-"]


def test_a_full_disk_is_not_the_servers_fault(fetch, server, tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / f"{NAME}.jsonl.gz.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"cannot be written: No space left .*goes on from"):
        fetch()
    assert len(server.asked) == 1
    assert not (tmp_path / f"{NAME}.jsonl.gz").exists()


def test_a_disk_that_fills_up_halfway_keeps_what_came(server, tmp_path):
    full = "import resource as r, signal, sys; from reviews.__main__ import main\n"
    full += f"r.setrlimit(r.RLIMIT_FSIZE, ({HALF}, r.RLIM_INFINITY))\n"
    full += "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); sys.exit(main(sys.argv[1:]))"
    words = ["download", "--category", NAME, "--out", str(tmp_path), "--server", server.url]
    done = subprocess.run([sys.executable, "-c", full, *words], capture_output=True, text=True)
    assert done.returncode == 1
    assert "cannot be written: File too large" in done.stderr
    assert (tmp_path / f"{NAME}.jsonl.gz.part").read_bytes() == BODY[:HALF]
    assert download(NAME, tmp_path, base=server.url).read_bytes() == BODY
    assert server.asked == [None, f"bytes={HALF}-"]


def test_ctrl_c_leaves_a_part_that_the_same_command_goes_on_with(server, tmp_path):
    server.plan = ["stall"]
    words = ["download", "--category", NAME, "--out", str(tmp_path), "--server", server.url]
    command = [sys.executable, "-m", "reviews", *words]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore Ctrl-C, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    part = tmp_path / f"{NAME}.jsonl.gz.part"
    assert server.stalled.wait(20)
    while not part.exists() or part.stat().st_size < HALF // 2:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert said == "stopped: what came is kept; the same command goes on from there\n"
    assert main(words) == 0
    assert (tmp_path / f"{NAME}.jsonl.gz").read_bytes() == BODY
    assert server.asked == [None, f"bytes={HALF // 2}-"]


def test_offline_is_said_in_clear_words(server, tmp_path, capsys, monkeypatch):
    server.server_close()
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    words = ["download", "--category", NAME, "--out", str(tmp_path), "--server", server.url]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "offline" in said
    assert "Connection refused" in said


def test_unknown_categories_and_addresses_are_refused_at_once(tmp_path):
    with pytest.raises(ConfigurationError, match="All_Beauty"):
        download("../../etc", tmp_path)
    with pytest.raises(ConfigurationError, match="http"):
        download(NAME, tmp_path, base="file:///etc")


def test_the_command_fetches_and_says_how_much(server, tmp_path, capsys):
    words = ["download", "--category", NAME, "--out", str(tmp_path), "--server", server.url]
    assert main(words) == 0
    assert f"{len(BODY):,} bytes" in capsys.readouterr().out
