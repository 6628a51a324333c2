"""The breaker: its table, exhaustively; who passes; how it opens and closes again."""

import itertools

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.domain.errors import IllegalTransition, Unsent
from actors.exchange.gate import RULES, Breaker, Fault, Lane, State
from actors.exchange.gate.breaker import MACHINE, PASSING, Event
from tests.gates import Gated

TRIPPING = [fault for fault, rule in RULES.items() if rule.trips]
HARMLESS = [fault for fault, rule in RULES.items() if not rule.trips]
PAUSE = 5.0


def in_state(state: State) -> Breaker:
    """Lead a breaker there at time 0; half-open is reached at PAUSE."""
    breaker = Breaker()
    if state is not State.CLOSED:
        for _ in range(breaker.patience.failures):
            breaker.begin(Lane.SCAN, 0)
            breaker.end(Fault.SERVER, 0, probe=False)
    now = PAUSE if state is State.HALF_OPEN else 0
    assert breaker.state(now) is state
    return breaker


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_event_in_every_state(state: State, event: Event) -> None:
    breaker = in_state(state)
    following = MACHINE[state].get(event)
    if following is None:
        with pytest.raises(IllegalTransition, match=f"{state}.*{event}"):
            breaker._move(event, PAUSE)
        assert breaker._state is state
    else:
        breaker._move(event, PAUSE)
        assert breaker._state is following


def test_every_state_has_a_row() -> None:
    assert set(MACHINE) == set(State)


@pytest.mark.parametrize(("state", "lane"), list(itertools.product(State, Lane)))
def test_who_passes_in_which_state(state: State, lane: Lane) -> None:
    breaker, now = in_state(state), PAUSE if state is State.HALF_OPEN else 0
    passes = (
        state is State.CLOSED
        or lane in PASSING
        or (state is State.HALF_OPEN and lane is Lane.SCAN)
    )
    assert breaker.allows(lane, now) is passes
    assert (Lane.ENTRY in PASSING, Lane.PROTECT in PASSING) == (False, True)


@pytest.mark.parametrize("fault", TRIPPING)
def test_failures_that_count_open_it(fault: Fault) -> None:
    breaker = Breaker()
    for count in range(5):
        assert breaker.state(0) is State.CLOSED, count
        breaker.end(fault, 0, probe=False)
    assert breaker.state(0) is State.OPEN
    assert breaker.failures(0) == {fault: 5}


@pytest.mark.parametrize("fault", HARMLESS)
def test_failures_that_say_it_is_there_never_open_it(fault: Fault) -> None:
    breaker = Breaker()
    for _ in range(100):
        breaker.end(fault, 0, probe=False)
    assert breaker.state(0) is State.CLOSED


def test_old_failures_and_rare_ones_do_not_open_it() -> None:
    breaker = Breaker()
    for at in range(100):  # one in ten seconds: never five in thirty
        breaker.end(Fault.NETWORK, at * 10.0, probe=False)
    assert breaker.state(1_000) is State.CLOSED
    for count in range(100):  # one in three of all
        fault = Fault.NETWORK if count % 3 == 0 else None
        breaker.end(fault, 2_000, probe=False)
    assert breaker.state(2_000) is State.CLOSED


def test_one_probe_goes_through_and_closes_it() -> None:
    breaker = in_state(State.HALF_OPEN)
    assert breaker.begin(Lane.SCAN, PAUSE)
    assert not breaker.allows(Lane.SCAN, PAUSE)
    assert not breaker.begin(Lane.PROTECT, PAUSE)
    breaker.end(None, PAUSE + 1, probe=True)
    assert breaker.state(PAUSE + 1) is State.CLOSED
    assert breaker.failures(PAUSE + 1) == {}


def test_a_probe_that_fails_doubles_the_pause_up_to_its_bound() -> None:
    breaker, now, pauses = in_state(State.OPEN), 0.0, []
    for _ in range(7):
        pauses.append(breaker.left_seconds(now))
        now += pauses[-1]
        breaker.end(Fault.SERVER, now, probe=breaker.begin(Lane.SCAN, now))
    assert pauses == [5, 10, 20, 40, 80, 120, 120]


def test_a_probe_that_is_cancelled_leaves_the_place_to_another() -> None:
    breaker = in_state(State.HALF_OPEN)
    breaker.give_up(probe=breaker.begin(Lane.SCAN, PAUSE))
    assert breaker.state(PAUSE) is State.HALF_OPEN
    assert breaker.allows(Lane.SCAN, PAUSE)


def test_an_answer_to_what_protects_money_is_as_good_as_a_probe() -> None:
    breaker = in_state(State.HALF_OPEN)
    breaker.end(None, PAUSE, probe=breaker.begin(Lane.RECONCILE, PAUSE))
    assert breaker.state(PAUSE) is State.CLOSED


def test_late_answers_change_nothing_while_it_is_open() -> None:
    breaker = in_state(State.OPEN)
    breaker.end(None, 1, probe=False)
    breaker.end(Fault.SERVER, 1, probe=False)
    assert breaker.left_seconds(1) == PAUSE - 1


# --- in the gate ----------------------------------------------------------------------


async def broken(gated: Gated) -> None:
    async with gated.gate.request():
        raise ConnectionResetError


async def down(gated: Gated) -> None:
    for _ in range(5):
        await gated.ask(503)


async def test_entries_see_it_at_once_and_protection_passes(
    autojump_clock: MockClock,
) -> None:
    gated = Gated()
    await down(gated)
    assert not gated.gate.allows(Lane.ENTRY)
    with pytest.raises(Unsent, match=r"breaker open; 5 x server error.*entry"):
        await gated.ask(lane=Lane.ENTRY)
    for lane in sorted(PASSING):
        assert await gated.ask(lane=lane) == 0
    assert gated.gate.view().requests == 5 + len(PASSING)
    assert gated.gate.view().breaker == "open"
    (opened,) = gated.alerts
    assert (opened.severity, opened.category) == ("error", "exchange")


async def test_it_closes_after_a_good_probe_and_says_so(
    autojump_clock: MockClock,
) -> None:
    gated = Gated()
    await down(gated)
    await trio.sleep(PAUSE)
    with pytest.raises(Unsent):
        await gated.ask(lane=Lane.ENTRY)  # an order is never the probe
    await gated.ask(lane=Lane.SCAN)
    await gated.ask(lane=Lane.ENTRY)
    assert [one.severity for one in gated.alerts] == ["error", "info"]


async def test_while_the_probe_is_out_other_scans_are_refused(
    autojump_clock: MockClock,
) -> None:
    gated = Gated()
    await down(gated)
    await trio.sleep(PAUSE)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: gated.ask(seconds=1))
        await trio.sleep(0.5)
        with pytest.raises(Unsent):
            await gated.ask()
    await gated.ask()


async def test_errors_and_cancellation_in_the_block_are_taken_in(
    autojump_clock: MockClock,
) -> None:
    gated = Gated()
    for _ in range(5):
        with pytest.raises(ConnectionResetError):
            await broken(gated)
    assert gated.gate.view().failures == {"network": 5}
    await trio.sleep(PAUSE)
    with trio.move_on_after(1):
        async with gated.gate.request(lane=Lane.SCAN):
            await trio.sleep_forever()
    assert gated.gate.view().breaker == "half-open"
    assert gated.gate.allows(Lane.SCAN)


async def test_a_gate_that_closed_since_it_admitted_sends_nothing(
    autojump_clock: MockClock,
) -> None:
    gated = Gated()
    ticket = await gated.gate.admit(5.0)
    await gated.ask(418, Lane.CANCEL, retry_after=10, x_mbx_used_weight_1m=3)
    assert gated.gate.view().weight_used == 8
    with pytest.raises(Unsent), ticket:
        pytest.fail("it was sent")
    assert gated.gate.view().requests == 1
    assert gated.gate.view().weight_used == 3


async def test_a_ban_in_the_last_moment_is_still_waited_out(
    autojump_clock: MockClock,
) -> None:
    """It is told while the next one has its place already; trio draws who is first."""
    waited = set()
    for _ in range(20):
        gated, answer, began = Gated(), trio.Event(), trio.current_time()

        async def banned(gated: Gated = gated, answer: trio.Event = answer) -> None:
            async with gated.gate.request() as ticket:
                await answer.wait()
                ticket.told(418, {"Retry-After": "120"})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(banned)
            await wait_all_tasks_blocked()
            answer.set()
            waited.add(round(await gated.ask(lane=Lane.PROTECT) - began))
    assert waited == {0, 121}
