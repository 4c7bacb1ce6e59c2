import gzip
import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reviews.__main__ import main
from reviews.download import TRIES, download
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
        if plan.isdecimal():
            self.send_error(int(plan))
            return
        body, status, headers = self.server.body, 200, {"ETag": self.server.etag}
        same = self.headers["If-Range"] in (None, self.server.etag)
        begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and same else 0
        if begin and begin >= len(body):
            self.answer(416, {"Content-Range": f"bytes */{len(body)}"}, b"")
            return
        if begin and plan != "whole":
            shift = 1 if plan == "elsewhere" else 0
            status = 206
            headers["Content-Range"] = f"bytes {begin + shift}-{len(body) - 1}/{len(body)}"
            body = body[begin + shift :]
        length = {"longer": len(body) + 100, "shorter": HALF, "unsaid": None}.get(plan, len(body))
        if length is not None:
            headers["Content-Length"] = str(length)
        self.answer(status, headers, body[: HALF // 2] if plan == "break" else body)

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
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
