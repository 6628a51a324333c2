"""Whatever happens between us and an exchange, in whatever order: sixteen things hold.

Two hundred lives in a quick run; INVARIANT_EXAMPLES=10000 for a long one.
"""

import os
from decimal import Decimal
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from actors.domain.crash_points import CrashPoint
from actors.domain.orders import Side
from actors.runtime import crash
from tests.healing import heal
from tests.invariants import check
from tests.model_order import Fate
from tests.money_actions import (
    Arm,
    Cancel,
    Close,
    Disturb,
    Enter,
    Hand,
    Move,
    Order,
    PauseSymbol,
    Repeat,
    Restart,
    Vanish,
    Wait,
)
from tests.money_process import SYMBOLS
from tests.money_world import World

EXAMPLES = int(os.environ.get("INVARIANT_EXAMPLES", "200"))


fates = st.builds(
    Fate,
    refused=st.sampled_from((False, False, False, True)),
    arrives=st.sampled_from((0.0, 0.0, 0.0, 1.0, 4.0, None)),
    answer=st.sampled_from(("given", "given", "late", "lost")),
    share=st.sampled_from((Decimal(1), Decimal(1), Decimal("0.4"), Decimal(0))),
    pieces=st.sampled_from((1, 2, 5)),
    told=st.sampled_from(
        ("now", "now", "later", "twice", "backwards", "fills later", "never")
    ),
    hidden=st.sampled_from((0.0, 0.0, 8.0)),
)
symbols = st.sampled_from((*SYMBOLS, *SYMBOLS[:2], SYMBOLS[0]))  # some more often
#: Points at which the risk actor alone can end; at the others it is the process.
IN_ACTOR = (
    CrashPoint.INTENT_RECEIVED,
    CrashPoint.INTENT_APPENDED,
    CrashPoint.INTENT_COMMITTED,
    CrashPoint.FILL_APPLIED,
    CrashPoint.ENTRY_FILLED,
    CrashPoint.STOP_REPLACED,
    CrashPoint.RECOVERY_FILLED,
    CrashPoint.RECOVERY_SETTLED,
    CrashPoint.KILL_CANCELLED,
)
enter = st.builds(
    Enter,
    symbols,
    st.sampled_from(Side),
    st.booleans(),
    st.lists(fates, max_size=4).map(tuple),
)
#: What always happens, and what happens in some worlds and not in others: a world with
#: few kinds of trouble has much of each.
PLAIN: tuple[st.SearchStrategy[Any], ...] = (
    st.builds(Enter, symbols, st.sampled_from(Side), st.booleans(), st.just(())),
    st.builds(Move, symbols, st.integers(-6, 6), st.just(Fate())),
    st.builds(Wait, st.sampled_from((1, 3, 12, 40))),
)
TROUBLE: tuple[st.SearchStrategy[Any], ...] = (
    enter,
    st.builds(Move, symbols, st.integers(-6, 6), fates),
    st.builds(
        Disturb,
        st.lists(st.sampled_from(("ok", "lost", "never", "races")), max_size=3).map(
            tuple
        ),
        st.lists(st.sampled_from(("ok", "fail", "stale", "page")), max_size=4).map(
            tuple
        ),
    ),
    st.builds(Vanish, st.integers(0, 5)),
    st.builds(Hand, symbols, st.sampled_from(("close", "buy", "order"))),
    st.builds(Repeat, st.integers(0, 20)),
    st.builds(Order, st.sampled_from(("panic_exit", "time_stop", "retry"))),
    st.builds(Order, st.sampled_from(("pause", "resume", "resume"))),
    st.builds(Order, st.sampled_from(("kill_switch", "reset", "stop", "start"))),
    st.builds(
        Close, st.integers(0, 2), st.integers(1, 4), st.sampled_from((0, 0, 1, 4))
    ),
    st.builds(Cancel, st.integers(0, 9)),
    st.builds(Order, st.sampled_from(("flatten", "resume"))),
    st.builds(PauseSymbol, symbols, st.sampled_from(("symbol_pause", "symbol_resume"))),
    st.builds(Restart, st.sampled_from((0, 1, 30))),
    st.builds(Arm, st.sampled_from(CrashPoint), st.integers(1, 3), st.just(True)),
    st.builds(Arm, st.sampled_from(IN_ACTOR), st.integers(1, 3), st.just(False)),
)


@st.composite
def lives(draw: st.DrawFn) -> list[Any]:
    """Draw the kinds of trouble that a world has, and then what happens in it."""
    kinds = draw(st.sets(st.sampled_from(range(len(TROUBLE))), min_size=1, max_size=6))
    happens = st.one_of(*PLAIN, *(TROUBLE[kind] for kind in sorted(kinds)))
    return draw(st.lists(happens, min_size=8, max_size=30))


def first_of(error: BaseException) -> BaseException:
    """Unwrap what the nurseries have wrapped."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def live_through(happens: list[Any]) -> World:
    """Run one world on mock time."""
    world = World(check, heal)
    crash.disarm()
    # The same life twice is the same life: trio shuffles its tasks by this.
    trio._core._run._r.seed(0)
    clock = trio.testing.MockClock(autojump_threshold=0)
    try:
        trio.run(world.run, happens, clock=clock)
    except BaseExceptionGroup as group:
        raise world.fault or first_of(group) from None
    finally:
        crash.disarm()
        world.database.close()
    return world


#: Lives that have shown a defect, as short as they could be made.
CONFIRMED_BUT_NOT_YET_SEEN = [
    Enter(
        SYMBOLS[2],
        Side.SHORT,
        True,
        (
            Fate(pieces=2),
            Fate(),
            Fate(arrives=None),
            Fate(hidden=8.0),
        ),
    )
]
KILLED_TWICE_WITHOUT_AN_ANSWER = [
    Enter(SYMBOLS[0], Side.LONG, False, ()),
    Arm(CrashPoint.KILL_FLATTENING, 3, True),
    Disturb(("ok", "races", "races"), ("fail",)),
    Order("kill_switch"),
]
CLOSED_BY_HAND = [
    Enter(SYMBOLS[1], Side.LONG, False, ()),
    Hand(SYMBOLS[1], "close"),
    Wait(40),
    Wait(12),
]
MISSED_AND_THEN_FILLED = [
    Wait(3),
    Wait(3),
    Enter(SYMBOLS[0], Side.LONG, False, (Fate(), Fate(hidden=8.0))),
    Wait(3),
    Wait(1),
    Move(SYMBOLS[0], -6, Fate()),
    Wait(3),
]
STOP_GONE = [Enter(SYMBOLS[0], Side.LONG, False, ()), Vanish(0), Wait(40)]
BOUGHT_BY_HAND = [
    Hand(SYMBOLS[0], "buy"),
    Enter(SYMBOLS[0], Side.LONG, False, ()),
]
CRASHED_WHILE_IT_CLOSED = [
    Enter(SYMBOLS[0], Side.LONG, False, ()),
    Arm(CrashPoint.INTENT_APPENDED, 1, False),
    Order("panic_exit"),
]
CLOSE_LOST_AND_STOP_GONE = [
    Enter(SYMBOLS[0], Side.LONG, False, (Fate(), Fate(), Fate(arrives=None))),
    Order("panic_exit"),
    Vanish(0),
    Wait(40),
]
TWO_STOPS_AND_THE_CLOSE_LOST = [
    Enter(
        SYMBOLS[0],
        Side.LONG,
        False,
        (Fate(), Fate(refused=True), *3 * (Fate(arrives=None),)),
    ),
    Wait(40),
]
KILLED_BEFORE_IT_RAN = [
    Disturb((), ("fail", "fail")),
    Restart(1),
    Order("kill_switch"),
    Hand(SYMBOLS[1], "buy"),
]
TURNED_BY_HAND = [
    Enter(SYMBOLS[0], Side.SHORT, True, ()),
    Hand(SYMBOLS[0], "close"),
    Hand(SYMBOLS[0], "buy"),
    Wait(40),
    Order("kill_switch"),
]
CRASHED_AND_CLOSED_BY_HAND = [
    Arm(CrashPoint.INTENT_COMMITTED, 2, False),
    Enter(SYMBOLS[1], Side.SHORT, False, ()),
    Hand(SYMBOLS[1], "close"),
]
CANCELS_UNANSWERED = [
    Enter(SYMBOLS[0], Side.LONG, True, ()),
    Wait(3),
    Disturb(("never", "never", "lost"), ()),
    Close(0, 2, 0),
    Wait(12),
]
SOLD_MORE_THAN_IS_OURS = [
    Enter(SYMBOLS[1], Side.LONG, False, ()),
    Move(SYMBOLS[1], 0, Fate()),
    Move(SYMBOLS[1], -4, Fate(arrives=None, pieces=5, told="later")),
    Hand(SYMBOLS[1], "buy"),
    Move(SYMBOLS[1], -6, Fate()),
    Move(SYMBOLS[1], -4, Fate()),
    Move(SYMBOLS[1], -3, Fate()),
]


@pytest.mark.usefixtures("quiet_log")
@example(CONFIRMED_BUT_NOT_YET_SEEN)
@example(KILLED_TWICE_WITHOUT_AN_ANSWER)
@example(CLOSED_BY_HAND)
@example(SOLD_MORE_THAN_IS_OURS)
@example(CANCELS_UNANSWERED)
@example(MISSED_AND_THEN_FILLED)
@example(STOP_GONE)
@example(BOUGHT_BY_HAND)
@example(CRASHED_WHILE_IT_CLOSED)
@example(CLOSE_LOST_AND_STOP_GONE)
@example(TWO_STOPS_AND_THE_CLOSE_LOST)
@example(KILLED_BEFORE_IT_RAN)
@example(TURNED_BY_HAND)
@example(CRASHED_AND_CLOSED_BY_HAND)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(lives())
def test_sixteen_things_hold_after_every_step(happens: list[Any]) -> None:
    live_through(happens)


def test_a_plain_trade_lives_and_ends() -> None:
    side = Side.LONG
    world = live_through(
        [
            Enter(SYMBOLS[0], side, True, ()),
            Wait(12),
            Move(SYMBOLS[0], 5, Fate()),
            Wait(3),
            Move(SYMBOLS[0], -8, Fate()),
            Restart(1),
        ]
    )
    assert [p.symbol for p in world.chronicle.positions.values()] == [SYMBOLS[0]]
    assert not world.exchange.held
    assert len(world.exchange.fills) == 3
