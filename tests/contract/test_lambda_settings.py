"""What infra writes into a function's environment is what its handler reads."""

from __future__ import annotations

from dataclasses import MISSING, fields

import pytest

from lambdas import settings as all_settings
from lambdas.settings import RatingsSettings, Settings, SettingsError

CLASSES = [
    found
    for found in vars(all_settings).values()
    if isinstance(found, type) and issubclass(found, Settings) and found is not Settings
]
EXAMPLE = {"str": "some words", "int": 12, "bool": True}


def example(kind: type[Settings]) -> Settings:
    return kind(**{field.name: EXAMPLE[str(field.type)] for field in fields(kind)})


@pytest.mark.parametrize("kind", CLASSES)
def test_settings_survive_the_environment(kind: type[Settings]) -> None:
    made = example(kind)
    assert kind.from_env(made.to_env()) == made
    assert all(name == name.upper() for name in made.to_env())


@pytest.mark.parametrize("kind", CLASSES)
def test_a_variable_that_is_missing_or_empty_stops_the_start_by_its_name(
    kind: type[Settings],
) -> None:
    environment = example(kind).to_env()
    for field in fields(kind):
        name = field.name.upper()
        for broken in (
            {**environment, name: ""},
            {k: environment[k] for k in environment if k != name},
        ):
            if field.default is MISSING:
                with pytest.raises(SettingsError, match=rf"\b{name}\b"):
                    kind.from_env(broken)
            else:
                assert getattr(kind.from_env(broken), field.name) == field.default


def test_what_cannot_be_read_is_named() -> None:
    environment = example(RatingsSettings).to_env()
    with pytest.raises(SettingsError, match="CAPTURE_WORDS must be true or false"):
        RatingsSettings.from_env({**environment, "CAPTURE_WORDS": "yes"})
