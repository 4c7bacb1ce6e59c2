"""Settings: every key is checked, and none is missing its reason."""

from pathlib import Path

import pytest
import yaml

from training import config
from training.errors import ConfigurationError
from training.evaluation.gate import GateSettings


def test_the_settings_of_the_repository_are_sound():
    settings = config.load()
    assert settings.family == "views"
    GateSettings.from_mapping(settings.gate)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"folds": 1}, "folds"),
        ({"family": "forest"}, "family"),
        ({"hidden": 3}, "hidden"),
        ({"decision_rules": [{"name": "coin"}]}, "coin"),
        ({"languages": []}, "languages"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, change, named):
    content = yaml.safe_load(config.DEFAULT_PATH.read_text())
    path = tmp_path / "model.yaml"
    path.write_text(yaml.safe_dump(content | change))
    with pytest.raises(ConfigurationError, match=named):
        config.load(path)


def test_settings_that_cannot_be_read_are_said(tmp_path: Path):
    (tmp_path / "broken.yaml").write_text("a: [")
    for name in ("absent.yaml", "broken.yaml"):
        with pytest.raises(ConfigurationError, match=name):
            config.load(tmp_path / name)


def test_a_job_overrides_with_strings():
    settings = config.load().with_overrides({"folds": "3", "seed": "7", "balance": "weights"})
    assert (settings.folds, settings.seed, settings.balance) == (3, 7, "weights")
    for wrong in ({"folds": "many"}, {"hidden": "9"}, {"family": "forest"}):
        with pytest.raises(ConfigurationError):
            config.load().with_overrides(wrong)
