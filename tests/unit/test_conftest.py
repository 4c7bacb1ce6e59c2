"""What two workers must agree on, and how many examples each run tries."""

from __future__ import annotations

import gzip

import pytest

from tests import conftest, properties


def test_a_gzip_of_another_second_gives_a_test_the_same_name() -> None:
    made = [gzip.compress(b"words", mtime=second) for second in (1, 2)]
    assert made[0] != made[1]
    names = {conftest.pytest_make_parametrize_id(content) for content in made}
    assert names == {"gzip"}
    assert conftest.pytest_make_parametrize_id(b"plain") is None


@pytest.mark.parametrize(("share", "tried"), [(1.0, [40, 1]), (0.25, [10, 1])])
def test_a_quick_run_tries_a_quarter_and_never_none(
    share: float, tried: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(properties, "share", share)
    assert [properties.examples(full) for full in (40, 1)] == tried


def test_only_a_run_without_slow_tests_is_quick(pytestconfig: pytest.Config) -> None:
    quick = "not slow" in pytestconfig.option.markexpr
    assert properties.share == (0.25 if quick else 1.0)
