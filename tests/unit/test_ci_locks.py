"""`make check` holds every lock against its group, without the network."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / ".ci" / "locks.py"
spec = importlib.util.spec_from_file_location("ci_locks", PATH)
locks = importlib.util.module_from_spec(spec)
sys.modules["ci_locks"] = locks
spec.loader.exec_module(locks)

HASH = "    --hash=sha256:aa\n"
DEV = f"""alpha==1.2 \\\n{HASH}beta==2.0 ; python_full_version < '3.12' \\\n{HASH}\
beta==2.1 ; python_full_version >= '3.12' \\\n{HASH}"""
APP = f"alpha==1.2 \\\n{HASH}"
GROUPS = """[dependency-groups]
app = ["alpha>=1"]
dev = [{ include-group = "app" }, "Beta>=2"]
"""


@pytest.fixture
def sentences(tmp_path, monkeypatch):
    """-> what is wrong with a project of two groups, changed as asked."""
    both = (locks.Lock("dev.txt", "dev"), locks.Lock("app.txt", "app", "dev.txt", ".venv"))
    monkeypatch.setattr(locks, "LOCKS", both)

    def found(*, groups=GROUPS, dev=DEV, app=APP, installed=None):
        (tmp_path / "pyproject.toml").write_text(groups)
        (tmp_path / "dev.txt").write_text(dev)
        (tmp_path / "app.txt").write_text(app)
        for name, requires in (installed or {}).items():
            info = tmp_path / f".venv/lib/python3/site-packages/{name}-1.2.dist-info"
            info.mkdir(parents=True)
            lines = "".join(f"Requires-Dist: {line}\n" for line in requires)
            (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.2\n{lines}")
        return list(locks.problems(tmp_path))

    return found


def test_locks_that_fit_say_nothing(sentences):
    assert sentences(installed={"alpha": []}) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"groups": GROUPS.replace("alpha>=1", "alpha>=1.3")}, "alpha>=1.3, pinned is 1.2"),
        ({"groups": GROUPS.replace("Beta>=2", "Beta>=2.1")}, "pinned is 2.0 (Python 3.11"),
        ({"groups": GROUPS.replace("Beta>=2", "gamma")}, "asks for gamma, not pinned"),
        ({"groups": GROUPS + 'more = ["alpha"]\n'}, "group more has no lock"),
        ({"dev": DEV.replace("alpha==1.2", "alpha==1.4")}, "alpha 1.2, dev.txt has 1.4"),
        ({"app": "alpha==1.2\n"}, "alpha 1.2 has no hash"),
        ({"app": APP + f"delta==1 \\\n{HASH}", "installed": {"alpha": [], "delta": []}}, "delta"),
        ({"installed": {"alpha": ["delta>=1"]}}, "alpha needs delta>=1, which is not pinned"),
    ],
)
def test_a_lock_that_no_longer_fits_is_named_with_what_it_lacks(sentences, changed, said):
    assert [line for line in sentences(**changed) if said in line]


def test_what_only_another_system_or_extra_asks_for_may_be_missing(sentences):
    asked = ['delta; sys_platform == "win32"', 'epsilon; extra == "more"']
    assert sentences(installed={"alpha": asked}) == []
