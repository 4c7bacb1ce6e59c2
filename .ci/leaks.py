"""Secrets in what is committed, or could be: detect-secrets over our files, quick after once.

`check`: exit 1 where a file has what looks like a secret and .secrets.baseline does not know it, or
where the baseline knows one that is gone. `accept`: write the baseline anew, after a person looked.
What a file of these bytes had is kept in .local, so that the next run reads changed files alone.
"""

import argparse
import hashlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import locks
from detect_secrets.core import baseline
from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

BASELINE = ".secrets.baseline"
SEEN = Path(".local/secrets-seen.json")
PART = 40  # files that one process takes at a time
# Digests by the thousand, checked by those who read them: locks, and the baseline's own.
OF_DIGESTS = {BASELINE, "package-lock.json", *(lock.file for lock in locks.LOCKS)}
# Of detect-secrets' 27 those whose services or forms a project like this one meets: half the time.
# Nothing is asked of a network: verification is another filter.
DETECTORS = {
    "plugins_used": [
        {"name": "AWSKeyDetector"},
        {"name": "AzureStorageKeyDetector"},
        {"name": "Base64HighEntropyString", "limit": 4.5},
        {"name": "BasicAuthDetector"},
        {"name": "GitHubTokenDetector"},
        {"name": "GitLabTokenDetector"},
        {"name": "HexHighEntropyString", "limit": 3.0},
        {"name": "JwtTokenDetector"},
        {"name": "KeywordDetector"},
        {"name": "NpmDetector"},
        {"name": "OpenAIDetector"},
        {"name": "PrivateKeyDetector"},
        {"name": "PypiTokenDetector"},
        {"name": "SlackDetector"},
    ]
}


def files(root: Path) -> list[str]:
    """What git has or would take, without git all but hidden and made folders; by name."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(words, cwd=root, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        listed = ""
    # A downloaded archive has no git, and one inside another repository is ignored or foreign.
    names = listed.split("\0") if (root / ".git").exists() and listed else _walk(root)
    return sorted(
        name
        for name in names
        if name and name not in OF_DIGESTS and (root / name).is_file() and _is_plain(root / name)
    )


def _is_plain(path: Path) -> bool:
    return not path.is_symlink() and b"\0" not in path.read_bytes()[:8000]


def _walk(root: Path) -> Iterator[str]:
    made = {line.strip("/\n") for line in (root / ".gitignore").read_text().splitlines()}
    for folder, folders, names in os.walk(root):
        relative = Path(folder).relative_to(root)
        folders[:] = [n for n in folders if n not in made and (relative / n).as_posix() not in made]
        yield from ((relative / name).as_posix() for name in names)


def scan(root: Path, names: list[str], seen: dict[str, Any]) -> dict[str, Any]:
    """What each file has, by name and digest: lists of detect-secrets' own records."""
    # The name counts too: detectors go by the kind of file.
    keys = {n: f"{n} {hashlib.sha256((root / n).read_bytes()).hexdigest()}" for n in names}
    new = [name for name in names if keys[name] not in seen]
    parts = [new[i : i + PART] for i in range(0, len(new), PART)]
    if len(parts) > 1:  # all files: each processor takes its share
        with ProcessPoolExecutor() as pool:
            made = list(pool.map(_secrets, itertools.repeat(root), parts))
    else:
        made = [_secrets(root, part) for part in parts]
    found = dict(zip(new, itertools.chain.from_iterable(made), strict=True))
    return {key: found[name] if name in found else seen[key] for name, key in keys.items()}


def _secrets(root: Path, names: list[str]) -> list[list[dict[str, Any]]]:
    """Of each file its records."""
    found = []
    with transient_settings(DETECTORS):
        for name in names:
            collection = SecretsCollection(root=str(root))
            collection.scan_file(name)
            found.append([{**secret.json(), "filename": name} for _, secret in collection])
    return found


def records(found: dict[str, Any]) -> dict[tuple[str, str, str], int]:
    """Lines by file, kind and digest of the secret: a secret that moved is the same one."""
    return {
        (one["filename"], one["type"], one["hashed_secret"]): one.get("line_number", 0)
        for secrets in found.values()
        for one in secrets
    }


def problems(root: Path, found: dict[str, Any]) -> Iterator[str]:
    """Each sentence names a place, never the secret."""
    path = root / BASELINE
    known = records(json.loads(path.read_text())["results"] if path.is_file() else {})
    here = records(found)
    for place, line in sorted(here.items()):
        if place not in known:
            yield (
                f"{place[0]}:{line}: looks like a secret ({place[1]}); take it out and revoke it, "
                "or where it is none: .venv/bin/python .ci/leaks.py accept"
            )
    for place in sorted(set(known) - set(here)):
        yield (
            f"{BASELINE}: {place[0]} has no more what it names ({place[1]}); "
            "run .venv/bin/python .ci/leaks.py accept"
        )


def main() -> int:
    """Exit 1 where the baseline does not fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["check", "accept"])
    command = parser.parse_args().command
    program = (
        f"{version('detect-secrets')} {hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}"
    )
    kept = json.loads(SEEN.read_text()) if SEEN.is_file() else {}
    seen = kept.get("found", {}) if kept.get("program") == program else {}
    names = files(locks.ROOT)
    found = scan(locks.ROOT, names, seen)
    SEEN.parent.mkdir(exist_ok=True)
    SEEN.write_text(json.dumps({"program": program, "found": found}))
    if command == "accept":
        accept(locks.ROOT, found)
        return 0
    sentences = list(problems(locks.ROOT, found))
    print("\n".join(sentences) or f"no secrets in {len(names)} files")
    return 1 if sentences else 0


def accept(root: Path, found: dict[str, Any]) -> None:
    """Write the baseline: digests of what looks like a secret and is none."""
    collection = SecretsCollection(root=str(root))
    for secrets in found.values():
        for one in secrets:
            collection[one["filename"]].add(PotentialSecret.load_secret_from_dict(one))
    with transient_settings(DETECTORS):
        content = baseline.format_for_output(collection, is_slim_mode=True)
    (root / BASELINE).write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
