"""An engine with a known defect must not pass: the harness sees each of them."""

from collections.abc import Iterator

import pytest

from actors.domain.crash_points import CrashPoint
from tests.crash.cells import Cell
from tests.crash.mutants import MUTANTS
from tests.crash.pool import Pool

#: Where each is killed, and what must be found then.
SHOWN = {
    "no_stop": ("protecting", CrashPoint.ENTRY_FILLED, "without a stop"),
    "send_at_once": (
        "entering",
        CrashPoint.SENT,
        "sent before its intent was on the disk",
    ),
    "drop_fills": ("managing", CrashPoint.STOP_SENT, "fill not journalled"),
    "publish_early": (
        "managing",
        CrashPoint.INTENT_APPENDED,
        "published, not journalled",
    ),
    "forget_kill": ("emergency", CrashPoint.KILL_FLATTENING, "kill switch forgotten"),
    "send_again": ("entering", CrashPoint.STOP_SENT, "two live entries"),
    "count_filled_only": (
        "protecting",
        CrashPoint.STOP_SENT,
        "sent beyond max_positions",
    ),
    "never_stand_down": (
        "managing",
        CrashPoint.STOP_SENT,
        "orders with nothing to reduce",
    ),
    "trust_doubtful_stops": (
        "managing",
        CrashPoint.INTENT_COMMITTED,
        "without a stop",
    ),
}
#: These cope badly only with what somebody else has done.
AFTER_A_CHANGE = {"never_stand_down"}


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(workers=1) as one:
        yield one


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_defect_in_the_engine_is_found(pool: Pool, mutant: str) -> None:
    phase, point, rule = SHOWN[mutant]
    changed = mutant in AFTER_A_CHANGE
    cell = Cell(phase=phase, point=point, changed=changed, mutant=mutant)
    result = pool.submit(cell).result()
    assert rule in {one.rule for one in result.found}, result.log
