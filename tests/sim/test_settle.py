"""A person sees each difference and has it settled; by default nothing is touched."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.domain.messages import CommandAnswer
from actors.domain.money import ZERO
from actors.domain.orders import ExchangePosition, OrderKind, OrderRequest, Side
from actors.domain.truth import DifferenceKind, Policy
from actors.domain.views import DifferenceRow
from actors.journal import Kind
from actors.risk.account.book import replay
from actors.risk.life import PREVIEWS_MAX
from tests.sim.faulty import FaultyVenue, disagreements
from tests.sim.script import signal
from tests.sim.stops import LOST, instead, is_close
from tests.sim.world import A, B, Stage, World, living

D = Decimal


def world(**others: Any) -> World:
    made = World({(A, 4): signal(stop=95.0)}, **others)
    made.venue = FaultyVenue
    return made


def venue_of(stage: Stage) -> FaultyVenue:
    assert isinstance(stage.venue, FaultyVenue)
    return stage.venue


def foreign(
    symbol: str, side: Side, quantity: str, price: str | None = None
) -> OrderRequest:
    kind = OrderKind.MARKET if price is None else OrderKind.LIMIT
    limit = None if price is None else D(price)
    name = f"web-{symbol[:3]}-{side}-{quantity}"
    return OrderRequest(name, symbol, side, kind, D(quantity), limit_price=limit)


async def differing(stage: Stage, symbol: str, bar: int) -> DifferenceRow:
    """The one difference of a symbol, once it was seen twice."""
    await stage.bar(bar)
    (row,) = [row for row in stage.view.differences() if row.symbol == symbol]
    assert row.seen >= 2
    return row


async def settle(
    stage: Stage, row: DifferenceRow, policy: Policy, **more: Any
) -> CommandAnswer:
    return await stage.command(
        "settle",
        symbol=row.symbol,
        policy=policy,
        confirm=row.symbol,
        id=row.id,
        **more,
    )


async def same_after_replay(stage: Stage) -> bool:
    await stage.engine.journal.commit()
    return await replay(stage.engine.journal.read) == stage.state.book


async def test_a_foreign_position_is_shown_and_nothing_of_it_is_touched(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        await venue_of(stage).intrude(foreign(B, Side.LONG, "2"))
        placed = len(stage.venue.placed)
        row = await differing(stage, B, 12)
        assert (row.kind, row.ours, row.theirs) == (DifferenceKind.POSITION, "0", "2")
        assert row.policy is Policy.HALT
        assert set(row.would) == {"adopt", "protect", "flatten", "ignore", "halt"}
        assert B in stage.state.book.halted
        assert len(stage.venue.placed) == placed


async def test_an_adopted_position_has_the_stop_that_was_named(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        await venue_of(stage).intrude(foreign(B, Side.LONG, "2"))
        row = await differing(stage, B, 12)
        answer = await settle(stage, row, Policy.PROTECT, stop="97.5")
        assert answer.ok, answer.message
        assert B not in stage.state.book.halted
        await stage.bar(16)
        held = stage.state.book.positions[B]
        assert (held.open, held.stop, held.kind) == (D(2), D("97.50"), "adopted")
        assert not disagreements(stage)
        assert not [row for row in stage.view.differences() if row.symbol]
        assert await same_after_replay(stage)


async def test_a_stop_that_nobody_named_risks_no_more_than_a_trade_may(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        await venue_of(stage).intrude(foreign(B, Side.SHORT, "2"))
        row = await differing(stage, B, 12)
        assert (await settle(stage, row, Policy.ADOPT)).ok
        await stage.bar(15)
        held = stage.state.book.positions[B]
        assert held.side is Side.SHORT
        assert D("1.004") < held.stop / held.entry < D("1.051")
        assert not disagreements(stage)


@pytest.mark.parametrize(
    "stop", ["1e999999999", "-1e999999", "1e-999999999", 1e300, "1e13", "NaN", ""]
)
async def test_a_stop_that_is_no_price_is_refused_and_adopts_nothing(
    tmp_path: Path, autojump_clock: MockClock, stop: str | float
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        await venue_of(stage).intrude(foreign(B, Side.SHORT, "2"))
        row = await differing(stage, B, 12)
        answer = await settle(stage, row, Policy.ADOPT, stop=stop)
        assert (answer.ok, answer.code) == (False, 400)
        assert f"stop is {stop!r}; it must be a price" in answer.message
        assert B not in stage.state.book.positions
        assert stage.engine.crashes == 0


async def test_a_position_closed_by_hand_is_closed_at_the_mark(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        held = stage.state.book.positions[A].open
        await venue_of(stage).intrude(foreign(A, Side.SHORT, str(held)))
        row = await differing(stage, A, 12)
        assert (D(row.ours), row.theirs) == (held, "0")
        assert "flatten" not in row.would
        assert "protect" not in row.would
        answer = await settle(stage, row, Policy.ADOPT)
        assert answer.ok, answer.message
        await stage.bar(15)
        (trade,) = stage.state.book.closed
        assert (trade.reason, trade.open) == ("adopted", ZERO)
        assert A not in stage.state.book.halted
        assert not disagreements(stage)
        assert not stage.venue.state.orders
        assert await same_after_replay(stage)


async def test_a_close_by_hand_makes_no_storm_of_orders(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(bars=60), tmp_path) as stage:
        await stage.bar(6)
        held = stage.state.book.positions[A].open
        before = len(stage.venue.placed)
        await venue_of(stage).intrude(foreign(A, Side.SHORT, str(held)))
        await stage.bar(30)
        assert len(stage.venue.placed) - before <= 30
        assert A in stage.state.book.halted


async def test_flatten_closes_what_is_not_ours_and_nothing_more(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        ours = stage.state.book.positions[A].open
        await venue_of(stage).intrude(foreign(A, Side.LONG, "2"))
        row = await differing(stage, A, 12)
        answer = await settle(stage, row, Policy.FLATTEN)
        assert answer.ok, answer.message
        await stage.bar(16)
        assert stage.venue.state.positions[A].quantity == ours
        assert stage.state.book.positions[A].open == ours
        (sent,) = [o for o in stage.state.book.ended.values() if o.purpose == "flatten"]
        assert sent.request.reduce_only
        assert not stage.venue.unjournalled
        assert A in stage.state.book.halted
        release = await stage.command("settle", symbol=A, policy="adopt", confirm=A)
        assert release.ok, release.message
        assert A not in stage.state.book.halted
        assert not disagreements(stage)


async def test_a_flatten_that_was_lost_on_its_way_may_be_ordered_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """What it was to close stands, and proves nothing against its absence."""
    async with living(world(bars=60), tmp_path) as stage:
        await stage.bar(6)
        await venue_of(stage).intrude(foreign(B, Side.LONG, "2"))
        row = await differing(stage, B, 12)
        stage.venue.instead = instead(LOST, 1, is_close)
        assert "unknown" in (await settle(stage, row, Policy.FLATTEN)).message
        early = await settle(stage, row, Policy.FLATTEN)
        assert "is on its way; wait for its end" in early.message
        await stage.bar(20)
        answer = await settle(stage, row, Policy.FLATTEN)
        assert answer.ok, answer.message
        await stage.bar(24)
        assert B not in stage.venue.state.positions
        sent = [r for r in stage.venue.placed_as(OrderKind.MARKET) if r.symbol == B]
        assert len(sent) == 2
        assert not disagreements(stage)


async def test_what_the_market_does_not_list_is_not_closed_by_an_order(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """An order there could not be asked for: it would stay UNKNOWN for good."""
    async with living(world(), tmp_path) as stage:
        await stage.bar(3)
        theirs = ExchangePosition("NEWUSDT", D(2), D(100))

        async def positions() -> tuple[ExchangePosition, ...]:
            return (theirs,)

        stage.venue.fetch_positions = positions  # type: ignore[method-assign]  # as it shows it
        for _ in range(2):
            await stage.command("reconcile")
        (row,) = stage.view.differences()
        assert set(row.would) == {"ignore", "halt"}
        assert not (await settle(stage, row, Policy.FLATTEN)).ok
        assert not stage.venue.placed
        assert (await settle(stage, row, Policy.IGNORE)).ok


async def test_an_ignored_position_is_shown_and_its_symbol_trades_on(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    made = world(bars=50)
    made.script[B, 20] = signal(stop=95.0)
    async with living(made, tmp_path) as stage:
        await stage.bar(6)
        await venue_of(stage).intrude(foreign(B, Side.LONG, "2"))
        row = await differing(stage, B, 12)
        assert (await settle(stage, row, Policy.IGNORE)).ok
        assert B not in stage.state.book.halted
        await stage.bar(24)
        assert B not in stage.state.book.halted
        ours = stage.state.book.positions[B].open
        assert stage.venue.state.positions[B].quantity == ours + 2
        (shown,) = stage.view.differences()
        assert shown.policy is Policy.IGNORE
        assert await same_after_replay(stage)
        # What is let be is that much and no more.
        await venue_of(stage).intrude(foreign(B, Side.LONG, "1"))
        await stage.bar(30)
        assert B in stage.state.book.halted


async def test_a_foreign_order_is_cancelled_when_a_person_says_so(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        request = foreign(B, Side.LONG, "2", "90")
        await venue_of(stage).intrude(request)
        row = await differing(stage, B, 12)
        assert row.kind is DifferenceKind.FOREIGN_ORDER
        assert request.client_id in stage.venue.state.orders
        assert (await settle(stage, row, Policy.FLATTEN)).ok
        await stage.bar(15)
        assert request.client_id not in stage.venue.state.orders
        assert not stage.view.differences()


async def test_a_difference_that_has_changed_since_the_preview_is_not_settled(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        await venue_of(stage).intrude(foreign(B, Side.LONG, "2"))
        row = await differing(stage, B, 12)
        await venue_of(stage).intrude(foreign(B, Side.LONG, "1"))
        await stage.bar(15)
        answer = await settle(stage, row, Policy.ADOPT)
        assert not answer.ok
        assert row.id in answer.message
        assert B not in stage.state.book.positions


async def test_settling_needs_the_symbol_typed_again_and_a_policy_that_fits(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        await venue_of(stage).intrude(foreign(B, Side.LONG, "2", "90"))
        row = await differing(stage, B, 12)
        args = {"symbol": B, "policy": "flatten", "id": row.id}
        untyped = await stage.command("settle", confirm="yes", **args)
        assert not untyped.ok
        assert B in untyped.message
        adopting = await settle(stage, row, Policy.ADOPT)
        assert not adopting.ok
        assert "flatten" in adopting.message
        assert (
            await stage.command("settle", symbol=A, policy="adopt", confirm=A)
        ).ok is False
        audited = [body["result"] for body in await stage.bodies(Kind.AUDIT)]
        assert sum(text.startswith("refused: settle") for text in audited) == 3


async def test_reconcile_answers_with_the_preview_after_a_whole_look(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        assert "nothing differs" in (await stage.command("reconcile")).message
        await venue_of(stage).intrude(foreign(B, Side.LONG, "2"))
        await differing(stage, B, 12)
        (row,) = stage.view.differences()
        answer = await stage.command("reconcile")
        assert answer.ok
        assert row.id in answer.message
        assert "flatten: sends a reduce-only market order short 2" in answer.message


async def test_reconcile_says_what_the_exchange_did_not_answer(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        stage.venue.fetch_faults = 1
        answer = await stage.command("reconcile")
        assert not answer.ok
        assert "positions" in answer.message


async def test_no_more_people_wait_for_the_exchange_than_there_is_room(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(6)
        answers: list[CommandAnswer] = []

        async def ask() -> None:
            answers.append(await stage.command("reconcile"))

        async with trio.open_nursery() as nursery:
            for _ in range(PREVIEWS_MAX + 5):
                nursery.start_soon(ask)
        assert len(answers) == PREVIEWS_MAX + 5
        refused = [one.message for one in answers if not one.ok]
        assert 0 < len(refused) <= 5
        assert all("too many wait" in text for text in refused)


async def test_a_balance_that_drifts_is_taken_after_two_sightings_and_journalled(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        await stage.bar(8)
        stage.venue.state.cash -= 7  # a funding fee
        await stage.bar(20)
        assert stage.state.book.cash == await stage.venue.fetch_balance()
        rows = await stage.bodies(Kind.ACCOUNT)
        reasons = [row["reason"] for row in rows if row.get("reason")]
        assert sum("balance" in reason for reason in reasons) == 1
        assert any("balance" in alert.message for alert in stage.view.alerts())
        assert await same_after_replay(stage)
