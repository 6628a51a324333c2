"""The named places at which a test may end the process."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.domain.crash_points import CrashPoint
from actors.runtime.crash import arm, disarm, reached

ROOT = Path(__file__).parents[2]
#: These two are passed where the bytes go out: in the exchange adapter of a test.
SENT_BY_THE_ADAPTER = {"SENT", "STOP_SENT", "CANCEL_SENT"}


@pytest.fixture(autouse=True)
def nothing_armed() -> Iterator[None]:
    disarm()
    yield
    disarm()


def test_a_point_that_is_not_armed_does_nothing() -> None:
    passed: list[str] = []
    arm(CrashPoint.SENT, lambda: passed.append("sent"))
    reached(CrashPoint.ANSWERED)
    assert passed == []


def test_an_armed_point_acts_once() -> None:
    passed: list[str] = []
    arm(CrashPoint.SENT, lambda: passed.append("sent"))
    reached(CrashPoint.SENT)
    reached(CrashPoint.SENT)
    assert passed == ["sent"]


@pytest.mark.parametrize("passing", [1, 2, 5])
def test_a_point_acts_at_the_passing_it_was_armed_for(passing: int) -> None:
    at: list[int] = []
    passings = iter(range(1, 10))
    number = 0
    arm(CrashPoint.SENT, lambda: at.append(number), passing=passing)
    for number in passings:  # noqa: B007 - the armed act looks at it
        reached(CrashPoint.SENT)
    assert at == [passing]


def test_an_act_may_arm_its_own_point_again() -> None:
    passed: list[int] = []

    def count() -> None:
        passed.append(1)
        arm(CrashPoint.SENT, count)

    arm(CrashPoint.SENT, count)
    for _ in range(3):
        reached(CrashPoint.SENT)
    assert len(passed) == 3


def test_disarming_forgets_every_point() -> None:
    passed: list[str] = []
    for point in CrashPoint:
        arm(point, lambda: passed.append("any"))
    disarm()
    for point in CrashPoint:
        reached(point)
    assert passed == []


def test_every_point_is_passed_somewhere_and_only_named_points_are() -> None:
    texts = [path.read_text() for path in (ROOT / "actors").rglob("*.py")]
    named = set(re.findall(r"CrashPoint\.([A-Z_]+)", "".join(texts)))
    assert named | SENT_BY_THE_ADAPTER == set(CrashPoint.__members__)


def test_nothing_in_the_product_arms_a_point() -> None:
    armed = [
        path.name
        for room in ("actors", "config", "control")
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"import .*\barm\b", path.read_text())
    ]
    assert armed == []
