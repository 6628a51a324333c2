"""The budget: shares by lane, others on the same address, the exchange's own figure."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.exchange.gate import Lane, Terms, terms_of
from actors.exchange.gate.budget import SHARES, URGENT
from tests.gates import Gated

TERMS = Terms(
    name="x",
    weight=100,
    window_seconds=60.0,
    used_header="used",
    orders=4,
    orders_seconds=10.0,
    orders_header="orders",
    left_header="left",
    limit_header="most",
)


@pytest.mark.parametrize("lane", list(Lane))
async def test_each_lane_may_use_its_share_and_no_more(
    autojump_clock: MockClock, lane: Lane
) -> None:
    gated, sent = Gated(Terms(name="x", weight=100, window_seconds=60.0)), 0
    with trio.move_on_after(59):
        while True:
            await gated.ask(lane=lane)
            sent += 1
    assert sent == round(100 * SHARES[lane])


async def test_scans_leave_room_for_entries_and_these_for_protection(
    autojump_clock: MockClock,
) -> None:
    gated = Gated(Terms(name="x", weight=100, window_seconds=60.0))
    await gated.ask(lane=Lane.SCAN, cost=70)
    await gated.ask(lane=Lane.ENTRY, cost=15)
    await gated.ask(lane=Lane.PROTECT, cost=15)
    assert trio.current_time() == 0
    assert await gated.ask(lane=Lane.PROTECT) == 60


async def test_a_request_counts_until_a_window_after_its_answer(
    autojump_clock: MockClock,
) -> None:
    """The exchange may have counted it as late as just before it answered."""
    gated = Gated(TERMS)
    await gated.ask(cost=70, seconds=8)
    assert await gated.ask() == 68


async def test_what_others_use_is_seen_and_respected(
    autojump_clock: MockClock,
) -> None:
    gated = Gated(TERMS)
    await gated.ask(used=30)  # and as much is expected of them
    await gated.ask(cost=10)
    assert trio.current_time() == 0
    assert await gated.ask() == 60
    assert gated.gate.view().weight_used == 1


async def test_a_figure_includes_what_is_still_under_way(
    autojump_clock: MockClock,
) -> None:
    gated = Gated(TERMS)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: gated.ask(cost=20, seconds=5))
        await trio.sleep(1)
        await gated.ask(lane=Lane.CANCEL, used=40)
        assert gated.gate.view().weight_used == 60


async def test_little_is_sent_before_it_is_known_what_others_use(
    autojump_clock: MockClock,
) -> None:
    gated = Gated(TERMS)
    sent: list[float] = []

    async def scan() -> None:
        sent.append(await gated.ask(cost=5, seconds=4, used=20))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(scan)
        await trio.sleep(1)
        assert await gated.ask(lane=Lane.CANCEL) == 1
    assert sent == [0, 0, 4, 4]


async def test_an_old_answer_does_not_lower_a_newer_figure(
    autojump_clock: MockClock,
) -> None:
    gated = Gated(TERMS)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: gated.ask(seconds=5, used=20))
        await trio.sleep(1)
        await gated.ask(used=65)
    assert gated.gate.view().weight_used == 66
    await gated.ask(used=3)  # sent since: the exchange's minute has turned
    assert gated.gate.view().weight_used == 3


async def test_a_figure_stands_for_one_window(autojump_clock: MockClock) -> None:
    gated = Gated(TERMS)
    await gated.ask(used=99)
    assert await gated.ask(lane=Lane.PROTECT, cost=2) == 60


async def test_what_others_will_use_is_left_to_them(autojump_clock: MockClock) -> None:
    """They take one each second, sixty a window; we ask for all that we get."""
    gated, ours = Gated(TERMS), [0, 0, 0, 0]
    with trio.move_on_after(181):
        while True:
            async with gated.gate.request(lane=Lane.ENTRY) as ticket:
                await trio.sleep(0.5)
                window, second = divmod(int(trio.current_time()), 60)
                ours[window] += 1
                ticket.told(200, {"used": str(second + ours[window])})
    assert 40 <= gated.gate.view().weight_others <= 64
    assert 15 <= min(ours[:3]) <= max(ours[:3]) <= 40  # a hundred is never exceeded
    assert gated.gate.allows(Lane.SCAN)


async def test_alone_everything_is_ours_after_one_window(
    autojump_clock: MockClock,
) -> None:
    gated, used = Gated(TERMS), 0
    for second in range(130):
        used = 1 if second % 60 == 0 else used + 1
        await gated.ask(used=used)
        await trio.sleep(1)
        assert gated.gate.view().weight_others <= (30 if second < 60 else 0)


async def test_headers_that_are_no_numbers_are_left_alone(
    autojump_clock: MockClock,
) -> None:
    gated = Gated(TERMS)
    await gated.ask(used="many", orders="-", left="3", most="0")
    assert gated.gate.view().weight_used == 1


async def test_orders_are_counted_beside_the_weight(
    autojump_clock: MockClock,
) -> None:
    gated = Gated(TERMS)
    sent = [await gated.ask(lane=Lane.ENTRY) for _ in range(4)]
    assert sent == [0, 0, 0, 10]  # 85 % of four
    assert await gated.ask(lane=Lane.CANCEL) == 10  # cancels and reads are no orders
    assert await gated.ask(lane=Lane.PROTECT, orders=4) == 10
    assert gated.gate.view().orders_used == 4
    assert await gated.ask(lane=Lane.PROTECT) == 20


async def test_who_places_no_order_passes_those_that_wait_for_room_for_one(
    autojump_clock: MockClock,
) -> None:
    gated, sent = Gated(TERMS), dict[Lane, float]()

    async def ask(lane: Lane) -> None:
        sent[lane] = await gated.ask(lane=lane)

    for _ in range(4):
        await gated.ask(lane=Lane.PROTECT)
    async with trio.open_nursery() as nursery:
        for lane in Lane:
            nursery.start_soon(ask, lane)
            await trio.sleep(0.25)
    assert sent.pop(Lane.PROTECT) == sent.pop(Lane.EXIT) == 10
    assert sent.pop(Lane.ENTRY) == 10  # and it took nothing of what an exit needs
    assert sent == {Lane.CANCEL: 0.25, Lane.RECONCILE: 0.75, Lane.SCAN: 1.25}


@pytest.mark.parametrize(("cost", "at"), [(46, 0.5), (47, 60)])
async def test_those_that_are_passed_keep_their_weight(
    autojump_clock: MockClock, cost: float, at: float
) -> None:
    gated, stops = Gated(TERMS), list[float]()

    async def stop(cost: float) -> None:
        stops.append(await gated.ask(lane=Lane.PROTECT, cost=cost))

    for _ in range(4):
        await gated.ask(lane=Lane.PROTECT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop, 20)
        nursery.start_soon(stop, 30)
        await trio.sleep(0.5)
        assert await gated.ask(lane=Lane.CANCEL, cost=cost) == at
    assert stops == [10, 10]


async def test_room_for_weight_lets_the_next_pass_those_that_still_wait(
    autojump_clock: MockClock,
) -> None:
    """Its time comes by itself, or by who leaves the queue."""
    gated = Gated(Terms(name="x", weight=100, window_seconds=2.0, orders=1))
    sent = dict[str, float]()

    async def ask(name: str, lane: Lane, cost: float) -> None:
        with trio.move_on_after(3 if name == "gone" else 60):
            sent[name] = await gated.ask(lane=lane, cost=cost)

    await gated.ask(lane=Lane.PROTECT)
    await gated.ask(lane=Lane.CANCEL, cost=70)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, "stop", Lane.PROTECT, 10)
        nursery.start_soon(ask, "gone", Lane.EXIT, 60)
        await trio.sleep(0.5)
        nursery.start_soon(ask, "cancel", Lane.CANCEL, 25)
        nursery.start_soon(ask, "scan", Lane.SCAN, 1)
    assert sent == {"cancel": 2, "scan": 3, "stop": 10}


async def test_an_endpoint_that_runs_short_slows_all_for_a_second(
    autojump_clock: MockClock,
) -> None:
    gated = Gated(TERMS)
    await gated.ask(left=9, most=10)
    assert await gated.ask() == 0
    await gated.ask(left=1, most=10)
    assert await gated.ask() == 1


async def test_what_is_waiting_is_shown_by_lane(autojump_clock: MockClock) -> None:
    gated = Gated(TERMS)
    await gated.ask(used=100)
    async with trio.open_nursery() as nursery:
        for lane in (Lane.SCAN, Lane.SCAN, Lane.PROTECT):
            nursery.start_soon(gated.ask, 200, lane)
        await trio.sleep(1)
        waiting = gated.gate.view().waiting
        assert (waiting["scan"], waiting["protect"], waiting["entry"]) == (2, 1, 0)
        nursery.cancel_scope.cancel()
    assert set(gated.gate.view().waiting.values()) == {0}


async def test_a_cancelled_wait_uses_nothing(autojump_clock: MockClock) -> None:
    gated = Gated(TERMS)
    await gated.ask(cost=70)
    with trio.move_on_after(1):
        await gated.ask(cost=50)
    assert gated.gate.view().weight_used == 70


async def test_a_cost_above_all_of_it_waits_for_all_of_it(
    autojump_clock: MockClock,
) -> None:
    gated = Gated(TERMS)
    await gated.ask()
    assert await gated.ask(cost=500) == 60


async def test_a_ticket_that_nobody_entered_is_forgotten_in_the_end(
    autojump_clock: MockClock,
) -> None:
    gated = Gated(TERMS)
    await gated.gate.admit(70.0)
    assert await gated.ask() == 180  # taken for answered after 120 s


def test_the_urgent_lanes_alone_may_use_everything() -> None:
    assert {lane for lane, share in SHARES.items() if share == 1} == URGENT
    assert sorted(SHARES, key=lambda lane: (-SHARES[lane], lane)) == list(Lane)


@pytest.mark.parametrize("name", ["binance", "binanceusdm", "bybit", "okx", "kraken"])
async def test_every_exchange_with_terms_can_be_asked(
    autojump_clock: MockClock, name: str
) -> None:
    gated = Gated(terms_of(name))
    assert await gated.ask() == 0
    view: Any = gated.gate.view()
    assert (view.exchange, view.requests) == (name, 1)
