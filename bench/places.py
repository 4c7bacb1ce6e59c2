"""Where things lie."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "bench" / "work"
PEER_PYTHON = ROOT / ".local" / "venvs" / "bench" / "bin" / "python"
REAL = ROOT.parent / "shared" / "data"
EMULATOR_PYTHON = ROOT / ".local" / "venvs" / "emulator" / "bin" / "python"
