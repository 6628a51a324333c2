"""The compiled entry is never older than the parts that it calls."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from actors.domain.kernel import compiled


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[FunctionType]:
    known: list[FunctionType] = []
    monkeypatch.setattr(compiled, "_parts", known)
    return known


def made(source: str, **names: Any) -> FunctionType:
    exec(source, names)
    return names["work"]


ONE = "def work(x):\n    return x + 1"
TWO = "def work(x):\n    return x + 2"
NAMED = "def work(x):\n    return x + LIMIT"


def test_the_fingerprint_changes_with_a_parts_code_and_constants(
    parts: list[FunctionType],
) -> None:
    prints = []
    for function in (
        made(ONE),
        made(TWO),
        made(NAMED, LIMIT=1),
        made(NAMED, LIMIT=2),
    ):
        parts[:] = [function]
        prints.append(compiled.fingerprint())
    assert len(set(prints)) == 4


def test_the_fingerprint_stays_when_nothing_changed(parts: list[FunctionType]) -> None:
    parts[:] = [made(ONE)]
    before = compiled.fingerprint()
    parts[:] = [made(ONE)]
    assert compiled.fingerprint() == before


def test_an_entry_that_does_not_close_over_its_version_is_refused() -> None:
    work: Callable[..., Any] = made(ONE)
    with pytest.raises(AssertionError, match="fingerprint"):
        compiled.entry(work)
