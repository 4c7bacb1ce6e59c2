"""A release that is worse for some reviews only is refused, and the gate says for which."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from reviews.clean import TEXT_RULES
from training import config
from training.evaluate import evaluate
from training.features.tokens import COUNTS
from training.features.verified import VERIFIED
from training.model import artefact
from training.model.scorer import Net, Stack

SHORT = 65  # characters: of the corpus, up to about 15 words


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """The project's gate, in full from few rows on; a corpus this small makes it unsure."""
    text = config.DEFAULT_PATH.read_text()
    for line, instead in (
        ("full_rows: 10000", "full_rows: 100"),
        ("min_rows: 400", "min_rows: 50"),
        ("metric: ece, at_most: 0.05", "metric: ece, at_most: 0.1"),
    ):
        assert line in text
        text = text.replace(line, instead)
    (tmp_path / "model.yaml").write_text(text)
    return tmp_path / "model.yaml"


def write_changed(folder: Path, out: Path, **changes: Any) -> Path:
    """A sound model folder with some parts of another one changed."""
    manifest = artefact.read_manifest(folder, TEXT_RULES)
    parts = artefact.read_parts(folder, manifest)
    artefact.write_parts(out, replace(parts, **changes))
    for name in artefact.FILES:
        if not (out / name).is_file():
            (out / name).parent.mkdir(exist_ok=True)
            (out / name).write_bytes((folder / name).read_bytes())
    about = msgspec.to_builtins(manifest)
    for name in ("format", "version", "token_rules", "files", "sha256"):
        del about[name]
    artefact.write_manifest(out, about, 40)
    return out


def read_parts(folder: Path) -> artefact.ModelParts:
    return artefact.read_parts(folder, artefact.read_manifest(folder, TEXT_RULES))


def worse_on_short_reviews(folder: Path, out: Path) -> Path:
    """The same model, its nets pulled towards 2 stars where a text has fewer than SHORT letters."""
    stack = read_parts(folder).stack
    assert stack
    return write_changed(folder, out, stack=_pulled(stack))


def _pulled(stack: Stack) -> Stack:
    place = len(stack.mean) - len(VERIFIED) - len(COUNTS) + COUNTS.index("text_length")
    short = (np.log1p(SHORT) - stack.mean[place]) / stack.scale[place]
    inner = np.zeros((len(stack.mean), 1), np.float32)
    inner[place] = -40.0
    pull = np.array([[-20, 80, -20, -20, -20]], np.float32)
    nets = [
        Net(
            np.concatenate([net.inner, inner], axis=1),
            np.append(net.inner_bias, np.float32(40.0 * short)),
            np.concatenate([net.outer, pull]),
            net.outer_bias,
        )
        for net in stack.nets
    ]
    return replace(stack, nets=tuple(nets))


def test_worse_on_short_reviews_alone_is_refused_by_their_name(
    folder: Path, data: Path, settings: Path, tmp_path: Path
) -> None:
    sound = evaluate(folder, data, tmp_path / "sound", all_rows=True, settings=settings)
    assert sound.gate.passed, sound.gate.message
    assert sound.gate.floors == "full"
    worse = worse_on_short_reviews(folder, tmp_path / "worse")
    found = evaluate(worse, data, tmp_path / "out", folder, True, settings=settings)
    failed = {c.name for c in found.gate.conditions if not c.passed}
    assert {f"length 8 to 15 words over {other}" for other in ("majority", "champion")} <= failed
    assert not [name for name in failed if "more than 30 words" in name]
    assert "length 8 to 15 words" in found.gate.message
    assert "length 8 to 15 words" in (tmp_path / "out" / "report.html").read_text()
    longer = found.slices["length"]["16 to 30 words"]
    assert longer.over_champion
    assert longer.over_champion.gain == pytest.approx(0, abs=0.01)
