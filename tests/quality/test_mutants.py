"""The invariants are worth something: each of these engines is caught by them."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings

from tests.invariants import Broken
from tests.property.test_invariants import (
    BOUGHT_BY_HAND,
    CANCELS_UNANSWERED,
    MISSED_AND_THEN_FILLED,
    STOP_GONE,
    live_through,
    lives,
)
from tests.quality.mutants import MUTANTS, Mutate

EXAMPLES = 200


@example(MISSED_AND_THEN_FILLED)
@example(STOP_GONE)
@example(BOUGHT_BY_HAND)
@example(CANCELS_UNANSWERED)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    report_multiple_bugs=False,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(lives())
def lived_through(happens: list[Any]) -> None:
    live_through(happens)


@pytest.mark.usefixtures("quiet_log")
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_mutant_is_caught(mutant: Mutate, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    with pytest.raises(Broken) as caught:
        lived_through()
    assert caught.value.number in MUTANTS[mutant], caught.value
