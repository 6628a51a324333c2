"""Whatever is asked, and whoever else asks: no window is overdrawn, nobody starves."""

from collections.abc import Callable

import msgspec
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.exchange.gate import Lane, Terms
from actors.exchange.gate.budget import BLIND
from tests.gates import Gated

LIMIT, WINDOW = 40, 10.0
TERMS = Terms(name="x", weight=LIMIT, window_seconds=WINDOW, used_header="used")
REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(Lane),
        st.integers(1, 10),  # cost
        st.floats(0, 30),  # when it is asked for
        st.floats(0, 4),  # how long the answer takes
        st.floats(0, 1),  # at which part of that the exchange counts it
    ),
    max_size=60,
)
SLOW = settings(max_examples=30, deadline=None)


class Counting:
    """An exchange that counts in fixed windows of a phase of its own."""

    def __init__(self, phase: float) -> None:
        self.phase = phase
        self.windows: dict[int, float] = {}

    def count(self, cost: float) -> float:
        number = int((trio.current_time() + self.phase) // WINDOW)
        self.windows[number] = self.windows.get(number, 0.0) + cost
        return self.windows[number]


def run(scenario: Callable[..., object]) -> None:
    trio.run(scenario, clock=MockClock(autojump_threshold=0))


async def send(gated: Gated, exchange: Counting, *asked: float) -> None:
    lane, cost, at, seconds, part = asked
    await trio.sleep(at)
    async with gated.gate.request(cost, Lane(int(lane))) as ticket:
        await trio.sleep(seconds * part)
        used = exchange.count(cost)
        await trio.sleep(seconds * (1 - part))
        ticket.told(200, {"Used": str(round(used))})


@SLOW
@given(REQUESTS, st.floats(0, WINDOW), st.sampled_from([0, 2]))
def test_no_window_of_the_exchange_is_ever_overdrawn(
    requests: list[tuple[Lane, int, float, float, float]], phase: float, orders: int
) -> None:
    """Nor does anybody wait for ever, also where orders have a limit of their own."""
    exchange = Counting(phase)

    async def scenario() -> None:
        gated = Gated(msgspec.structs.replace(TERMS, orders=orders))
        async with trio.open_nursery() as nursery:
            for one in requests:
                nursery.start_soon(send, gated, exchange, *one)

    run(scenario)
    assert sum(exchange.windows.values()) == sum(cost for _, cost, *_ in requests)
    assert max(exchange.windows.values(), default=0) <= LIMIT


@SLOW
@given(REQUESTS, st.floats(0, 20), st.integers(1, 10))
def test_protection_waits_for_a_window_and_the_answers_under_way_at_most(
    requests: list[tuple[Lane, int, float, float, float]], at: float, cost: int
) -> None:
    others = [one for one in requests if one[0] > Lane.EXIT]
    waited: list[float] = []

    async def scenario() -> None:
        gated, exchange = Gated(TERMS), Counting(0)

        async def protect() -> None:
            await trio.sleep(at)
            async with gated.gate.request(cost, Lane.PROTECT) as ticket:
                waited.append(trio.current_time() - at)
                ticket.told(200, {})

        async with trio.open_nursery() as nursery:
            for one in others:
                nursery.start_soon(send, gated, exchange, *one)
            nursery.start_soon(protect)

    run(scenario)
    assert waited[0] <= WINDOW + 4 + 1e-6


@SLOW
@given(st.integers(0, LIMIT), st.floats(0, WINDOW))
def test_what_others_have_used_is_left_to_them(others: int, phase: float) -> None:
    exchange = Counting(phase)

    async def scenario() -> None:
        gated = Gated(TERMS)
        exchange.count(others)
        async with trio.open_nursery() as nursery:
            for _ in range(60):
                nursery.start_soon(send, gated, exchange, Lane.ENTRY, 1, 0, 1, 0.5)

    run(scenario)
    first = min(exchange.windows)
    blind = LIMIT * BLIND  # sent before the first answer tells of the others
    assert exchange.windows[first] <= max(LIMIT, others + blind)
