"""What a change does to a stage: resources and rights by stack, and a month's cost. Asks nobody."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from operate import cdk, cost
from operate.assembly import ROOT, assembly_of, synthesise
from operate.errors import OperateError
from operate.place import Place

TEMPLATE = ".template.json"
NOTHING = re.compile(r"^There were no differences|^✨|^Stack ", re.MULTILINE)
MAX_CHARACTERS = 8_000  # of one stack: a comment has 65,536


def difference(place: Place, against: str, usage: cost.Usage) -> str:
    """Markdown: what deploying this checkout changes against a commit or a folder of templates.

    Raises InputError where there is no such commit, OperateError where templates cannot be made.
    """
    with TemporaryDirectory() as folder, assembly_of(place, against) as before:
        after = synthesise(place, Path(folder))
        stacks = "\n".join(_stacks(place, before, after)) or "No stack changes.\n"
        region = place.settings.region
        old, new = (
            cost.estimate(cost.read_templates(made), usage, region) for made in (before, after)
        )
    return f"""### What a deploy of stage {place.stage} would change

{stacks}
#### A month's cost, in dollars

{cost.compare(old, new)}
"""


def _stacks(place: Place, before: Path, after: Path) -> Iterator[str]:
    names = sorted({path.name for made in (before, after) for path in made.glob(f"*{TEMPLATE}")})
    for name in names:
        stack, old, new = name.removesuffix(TEMPLATE), before / name, after / name
        if not new.exists():
            yield f"**{stack}** goes, with everything in it.\n"
        elif not old.exists() or json.loads(old.read_bytes()) != json.loads(new.read_bytes()):
            said = _compare(place, stack, old, after)
            yield f"<details><summary><b>{stack}</b></summary>\n\n```\n{said}\n```\n</details>\n"


def _compare(place: Place, stack: str, old: Path, assembly: Path) -> str:
    """The CDK's own words, tables of rights first; a template that is absent counts as empty."""
    with TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.json"
        empty.write_text('{"Resources": {}}')
        words = ["diff", stack, "--exclusively", "--app", str(assembly), "--no-color"]
        words += ["--template", str(old if old.exists() else empty)]
        variables = cdk.environment(place.offline(), place.stage, NO_COLOR="1")
        done = subprocess.run(
            [*map(str, cdk.command(*words))],
            cwd=ROOT,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise OperateError(f"cdk diff {stack} failed: {last}")
    lines = (done.stdout + done.stderr).replace("```", "'''").splitlines()
    said = "\n".join(line for line in lines if line.strip() and not NOTHING.match(line))
    if len(said) > MAX_CHARACTERS:
        return f"{said[:MAX_CHARACTERS]}\n… cut here, of {len(said):,} characters"
    return said
