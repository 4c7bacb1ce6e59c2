"""How much of each room the tests ran, against its floor: [tool.coverage-floors] in pyproject.toml.

Reads what `pytest --cov` left. What only another process runs (jobs, servers, the emulator, the
deployed loop) does not count.
"""

import sys
import tomllib
from collections import Counter
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parent.parent


def shares(measured: Coverage, root: Path) -> dict[str, float]:
    """Percent of the lines that were run, by room."""
    lines: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for file in measured.get_data().measured_files():
        room = (root / file).relative_to(root).parts[0]
        _, statements, _, missing, _ = measured.analysis2(str(root / file))
        lines[room] += len(statements)
        missed[room] += len(missing)
    return {room: 100 - 100 * missed[room] / lines[room] for room in sorted(lines) if lines[room]}


def main() -> int:
    """Exit 1 where a room is below its floor."""
    floors = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage-floors"]
    measured = Coverage()
    measured.load()
    found = shares(measured, ROOT)
    low = [room for room, floor in floors.items() if found.get(room, 0) < floor]
    for room, floor in floors.items():
        print(f"{room:12}{found.get(room, 0):6.1f} % of its lines were run, the floor is {floor}")
    if low:
        print(f"coverage: below its floor: {', '.join(low)}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
