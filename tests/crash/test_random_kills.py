"""SIGKILL at no named point at all: whenever the clock says so."""

import pytest

from tests.crash.__main__ import random_kills
from tests.crash.pool import Pool

KILLS = 50
SEED = 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fifty_random_kills_lose_double_and_forget_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Pool() as pool:
        results = random_kills(pool, KILLS, SEED)
    found = {name: one.found for name, one in results.items() if one.found}
    assert found == {}
    landed = sum(one.landed for one in results.values())
    assert landed >= KILLS
    with capsys.disabled():
        print(f"\nrandom kills landed: {landed}, violations: {len(found)}")
