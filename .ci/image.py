"""`make image`: build training/Dockerfile without a Docker daemon, run it, look into it.

buildah with chroot isolation, as root. The base is a Debian that debootstrap makes once, or the
image that BASE_IMAGE names (`BASE_IMAGE=dockerfile`: the Dockerfile's own, pulled). Trains on
synthetic reviews under SageMaker's folders, evaluates, serves, and answers. Exit 0 only if all of
it holds; what was measured goes to .local/image/summary.json.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".local" / "image"
MADE_BASE, IMAGE = "localhost/review-stars-base", "localhost/review-stars"
SUITE, PACKAGES = "trixie", "python3,python3-venv,ca-certificates"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"  # of this machine, which may have a proxy
ROWS = 4_000
PREFIXES = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "opt/venv/bin")
SHELLS = {"sh", "bash", "dash", "ash", "ksh", "zsh", "busybox", "perl"}
COMPILERS = {"gcc", "cc", "g++", "c++", "clang", "as", "ld", "make", "pip", "pip3", "apt-get"}
OF_THE_RUN = ("opt/ml", "tmp", "proc", "sys", "dev", "run", "etc/hosts", "etc/resolv.conf")
QUESTION = {"reviews": [{"title": "Great", "text": "I love it, it works perfectly!"}]}
START_SECONDS = 30


class ImageError(Exception):
    """Something that the image promises does not hold; the message says what."""


def main() -> int:
    """Do all of it; 1 with the reason where something does not hold."""
    missing = [program for program in ("buildah", "debootstrap") if not shutil.which(program)]
    if missing or os.geteuid() != 0:
        print(f"image: needs root, and {' and '.join(missing) or 'nothing else'} installed")
        return 2
    HOME.mkdir(parents=True, exist_ok=True)
    try:
        summary = check()
    except ImageError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    (HOME / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary, indent=2))
    return 0


def check() -> dict[str, Any]:
    """Build, look, train, evaluate, serve; returns what was measured."""
    seconds: dict[str, float] = {}
    with timed("base", seconds):
        base = base_image()
    with timed("build", seconds):
        build(base)
    container = buildah("from", IMAGE)
    try:
        root = Path(buildah("mount", container))
        look(root)
        ml = folders()
        buildah_run(container, ml, ["python", "-c", ""])  # what the first run makes is not ours
        before = inventory(root)
        with timed("train", seconds):
            buildah_run(container, ml, [*entrypoint(), "train"])
        expect((ml / "model" / "model.json").is_file(), "training left no model.json")
        with timed("evaluate", seconds):
            evaluation = evaluate(container, ml)
        answer = served(container, ml, seconds)
        changed = sorted(set(inventory(root).items()) ^ set(before.items()))
        expect(not changed, f"writes outside /opt/ml and /tmp: {[path for path, _ in changed[:5]]}")
    finally:
        buildah("rm", container)
    size = json.loads(buildah("images", "--json", IMAGE))[0]["size"]
    return {
        "base": base,
        "size": size,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "accuracy": evaluation["accuracy"],
        "majority": evaluation["majority"],
        "answer": answer["ratings"][0]["stars"],
    }


def base_image() -> str:
    """The base's name: the one that BASE_IMAGE names, or a Debian made here, once."""
    named = os.environ.get("BASE_IMAGE", "")
    if named:
        return "" if named == "dockerfile" else named
    if MADE_BASE not in buildah("images", "--format", "{{.Name}}").split():
        container = buildah("from", "scratch")
        words = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE]
        run([*words, buildah("mount", container)], "debootstrap")
        buildah("umount", container)
        buildah("commit", "-q", "--rm", container, MADE_BASE)
    return MADE_BASE


def build(base: str) -> None:
    """From the Dockerfile, with the repository's root as context."""
    words = ["build", "-q", "--format", "docker", "--isolation", "chroot"]
    words += ["-f", "training/Dockerfile", "-t", IMAGE]
    words += ["--ignorefile", "training/Dockerfile.dockerignore"]
    words += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    buildah(*words, *(["--build-arg", f"BASE_IMAGE={base}"] if base else []), ".")


def look(root: Path) -> None:
    """At the image's configuration and its files."""
    configuration = inspected()["OCIv1"]
    expect(len(configuration["rootfs"]["diff_ids"]) == 1, "more than one layer")
    expect(configuration["config"]["User"] == "root", "SageMaker demands root")
    expect(entrypoint() == ["python", "-m", "training"], f"enters by {entrypoint()}")
    programs = [path for prefix in PREFIXES for path in (root / prefix).glob("*")]
    found = {path.name for path in programs} & (SHELLS | COMPILERS)
    expect(not found, f"still there: {', '.join(sorted(found))}")
    sudden = [path.name for path in programs if has_sudden_rights(path)]
    expect(not sudden, f"run with others' rights: {', '.join(sudden)}")
    sources = {
        path.relative_to(root / "opt/program").parts[0] for path in files(root / "opt/program")
    }
    expect(sources == {"configs", "monitoring", "reviews", "training"}, f"holds {sources}")


def folders() -> Path:
    """SageMaker's folders, with curated synthetic reviews in the channel `dataset`."""
    ml = HOME / "ml"
    shutil.rmtree(ml, ignore_errors=True)
    configuration = ml / "input" / "config"
    configuration.mkdir(parents=True)
    given = {"folds": "3", "dataset_id": "synthetic", "git_commit": "0" * 40}
    (configuration / "hyperparameters.json").write_text(json.dumps(given))
    raw, curated = HOME / "raw.jsonl", HOME / "curated"
    shutil.rmtree(curated, ignore_errors=True)
    sample = ["sample", "--rows", str(ROWS), "--seed", "7", "--out", str(raw)]
    for words in (sample, ["refine", "--in", str(raw), "--out", str(curated)]):
        run([sys.executable, "-m", "reviews", *words], words[0])
    shutil.copytree(curated / "reviews", ml / "input" / "data" / "dataset")
    return ml


def evaluate(container: str, ml: Path) -> dict[str, Any]:
    """As a Processing job does."""
    work = "/opt/ml/processing"
    for name, source in {"model": ml / "model", "dataset": ml / "input/data/dataset"}.items():
        shutil.copytree(source, ml / "processing" / name)
    words = ["evaluate", "--model", f"{work}/model", "--data", f"{work}/dataset"]
    buildah_run(container, ml, [*entrypoint(), *words, "--out", f"{work}/evaluation"])
    found: dict[str, Any] = json.loads((ml / "processing/evaluation/evaluation.json").read_text())
    expect(found["accuracy"] > found["majority"], f"accuracy {found['accuracy']} learned nothing")
    return found


def served(container: str, ml: Path, seconds: dict[str, float]) -> dict[str, Any]:
    """Ask the server; on 127.0.0.1, for the container shares this machine's network."""
    port = free_port()
    environment = {"BIND_HOST": "127.0.0.1", "SAGEMAKER_BIND_TO_PORT": str(port)}
    words = run_words(container, ml, [*entrypoint(), "serve"], environment)
    log = (HOME / "server.log").open("w")
    server = subprocess.Popen(words, start_new_session=True, cwd=ROOT, stdout=log, stderr=log)
    try:
        with timed("start of the server", seconds):
            wait_for(f"http://127.0.0.1:{port}/ping", server)
        answer = ask(f"http://127.0.0.1:{port}/invocations", json.dumps(QUESTION).encode())
        with timed("stop of the server", seconds):
            os.killpg(server.pid, signal.SIGTERM)  # SageMaker kills what has not gone in 30 s
            server.wait(timeout=START_SECONDS)
        said = (HOME / "server.log").read_text()
        expect("Traceback" not in said, f"the server did not stop in order:\n{said[-2000:]}")
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        log.close()
    found: dict[str, Any] = json.loads(answer)
    [rating] = found["ratings"]
    expect(len(rating["probabilities"]) == 5, "no five probabilities")
    expect(abs(sum(rating["probabilities"]) - 1) < 1e-6, "probabilities do not sum to 1")
    return found


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Until /ping answers 200."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            ask(url)
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise ImageError(f"the server did not answer /ping: {HOME / 'server.log'} says why")


def ask(url: str, body: bytes | None = None) -> bytes:
    """One request; an answer other than 200 raises."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        content: bytes = answer.read()
        return content


def inventory(root: Path) -> dict[str, tuple[int, int]]:
    """Every file of a container with its size and time, but for what each run makes anew."""
    return {
        name: (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in files(root)
        if not (name := str(path.relative_to(root))).startswith(OF_THE_RUN)
    }


def files(root: Path) -> Iterator[Path]:
    """All files below a folder; links are not followed."""
    for folder, _, names in os.walk(root):
        yield from (Path(folder) / name for name in names)


def has_sudden_rights(path: Path) -> bool:
    """Whether a program runs with the rights of its owner or group."""
    return not path.is_symlink() and bool(path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID))


def entrypoint() -> list[str]:
    """The words with which the image starts."""
    words: list[str] = inspected()["OCIv1"]["config"]["Entrypoint"]
    return words


def inspected() -> dict[str, Any]:
    """What buildah says of the image."""
    found: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", IMAGE))
    return found


def buildah_run(container: str, ml: Path, words: list[str]) -> None:
    """Run words in the container, with SageMaker's folders mounted."""
    run(run_words(container, ml, words, {}), " ".join(words))


def run_words(container: str, ml: Path, words: list[str], environment: dict[str, str]) -> list[str]:
    """The command line of a run."""
    more = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    mounted = ["--isolation", "chroot", "--volume", f"{ml}:/opt/ml", *more]
    return [*prefix(), "run", *mounted, container, "--", *words]


def buildah(*words: str) -> str:
    """What a buildah command prints."""
    return run([*prefix(), *words], f"buildah {words[0]}").strip()


def prefix() -> list[str]:
    """buildah with a storage of its own. vfs copies each layer whole, and works everywhere."""
    driver = os.environ.get("STORAGE_DRIVER", "vfs")
    folders = ["--root", str(HOME / "storage"), "--runroot", str(HOME / "run")]
    return ["buildah", "--storage-driver", driver, *folders]


def run(words: list[str], what: str) -> str:
    """Run a command; ImageError with its last words where it fails."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ImageError(f"{what} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def expect(holds: bool, otherwise: str) -> None:
    """Raise ImageError with the reason where something does not hold."""
    if not holds:
        raise ImageError(otherwise)


@contextmanager
def timed(name: str, seconds: dict[str, float]) -> Iterator[None]:
    """Say what begins, and keep how long it took."""
    print(f"image: {name}", flush=True)
    start = time.monotonic()
    yield
    seconds[name] = time.monotonic() - start


if __name__ == "__main__":
    sys.exit(main())
