"""Run the notebooks and write each as a page that a browser and GitHub show.

python notebooks/pages.py [NAME ...] [--data FILES] [--stage NAME [--start]] [--out DIR]

The notebooks in git hold no outputs. Pages of the sample stand in docs/notebooks, and another run
makes the same bytes; what is read from other files or from a stage goes to .local/notebooks/pages.
"""

import argparse
import os
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import MarkdownExporter
from nbconvert.writers import FilesWriter

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TIMEOUT_SECONDS = 1800  # of a cell: training on a file of one's own
MADE = "<!-- Made by `make notebooks`. -->\n\n"
# A number of a picture: processors agree on a model to a millionth, so a hundredth is the same
# on all of them. What scales a letter stays whole.
DRAWN = re.compile(rb"scale\([^)]*\)|-?\d+\.\d{3,}")


def rounded(picture: bytes) -> bytes:
    """A picture whose points lie on hundredths."""

    def near(found: re.Match[bytes]) -> bytes:
        return found[0] if found[0].startswith(b"scale") else b"%.2f" % float(found[0])

    return DRAWN.sub(near, picture)


def make_page(notebook: Path, out: Path) -> None:
    """Run one notebook and write its page. Raises CellExecutionError with the cell's own error."""
    content = nbformat.read(notebook, as_version=4)
    with TemporaryDirectory(prefix="notebook-") as sockets:
        # Sockets in a folder of ours, not ports that anybody on this machine can speak to.
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/kernel")
        NotebookClient(
            content,
            timeout=TIMEOUT_SECONDS,
            resources={"metadata": {"path": str(HERE)}},
            km=kernel,
            extra_arguments=["--log-level=ERROR"],
        ).execute()
    exporter = MarkdownExporter()
    files = {"output_files_dir": f"{notebook.stem}_files", "unique_key": notebook.stem}
    page, resources = exporter.from_notebook_node(content, resources=files)
    resources["outputs"] = {name: rounded(it) for name, it in resources["outputs"].items()}
    shutil.rmtree(out / f"{notebook.stem}_files", ignore_errors=True)  # of cells that moved
    lines = (line.rstrip() for line in page.splitlines())
    FilesWriter(build_directory=str(out)).write(
        MADE + "\n".join(lines).strip() + "\n", resources, notebook_name=notebook.stem
    )


def main() -> int:
    """Run those that are named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="which notebooks; default: all")
    parser.add_argument("--data", default="", help="files, as `make run` takes them")
    parser.add_argument("--stage", default="")
    parser.add_argument("--home", type=Path, default=Path(".local"), help="of the local cloud")
    parser.add_argument("--start", action="store_true", help="start the stage's pipeline once")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    is_own = bool(asked.data or asked.stage)
    out = asked.out or ROOT / (".local/notebooks/pages" if is_own else "docs/notebooks")
    os.environ |= {
        "PYTHONHASHSEED": "0",
        "DATA": asked.data,
        "STAGE": asked.stage,
        "START": "1" if asked.start else "",
        "LOCAL_HOME": str(asked.home.resolve()),
    }
    for name in asked.names or [path.stem for path in sorted(HERE.glob("*.ipynb"))]:
        try:
            make_page(HERE / f"{name}.ipynb", out)
        except CellExecutionError as error:
            print(f"notebooks: {name}: {error.ename}: {error.evalue}", file=sys.stderr)
            return 1
        print(f"notebooks: {out.relative_to(ROOT) if out.is_relative_to(ROOT) else out}/{name}.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
