"""The kill switch ends flat by the exchange's own word, or goes on and says so."""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from trio.testing import MockClock

from actors.domain.money import ZERO
from actors.domain.orders import (
    Fill,
    OrderKind,
    OrderRequest,
    OrderState,
    Outcome,
    Refused,
    Side,
    Unknown,
)
from actors.domain.phases import KillPhase, Phase
from actors.domain.truth import Look, Policy, Truth
from actors.exchange.account import PaperPosition
from actors.exchange.paper import PaperExchange
from actors.journal import Kind
from tests.sim.script import signal
from tests.sim.world import A, B, C, Stage, World, living

K = KillPhase
FOREIGN = OrderRequest(
    "mine", C, Side.LONG, OrderKind.LIMIT, Decimal(1), limit_price=Decimal(50)
)
ALL = [K.CANCELLING, K.FLATTENING, K.CONFIRMED_FLAT, K.LATCHED]


def held_and_in_flight(bars: int = 60) -> World:
    """A is held from bar 5 on; B's entry travels from bar 6 on, into a halt."""
    world = World({(A, 4): signal(), (B, 6): signal()}, bars=bars)
    world.bars[B] = world.bars[B][[*range(7), *range(12, bars)]]
    return world


def phase_of(stage: Stage) -> KillPhase:
    kill = stage.state.book.kill
    return K.ARMED if kill is None else kill.phase


async def is_phase(stage: Stage, phase: KillPhase) -> None:
    await stage.until(lambda: phase_of(stage) is phase)


def told(stage: Stage, word: str) -> list[Any]:
    return [a for a in stage.state.alerts if word in a.message]


async def flat(stage: Stage) -> None:
    """The exchange itself is flat, and so is the book."""
    await is_phase(stage, K.LATCHED)
    assert not stage.venue.state.positions
    assert not stage.venue.state.orders
    assert not stage.state.book.positions
    assert not stage.state.book.orders
    assert stage.machine.illegal_transitions == 0
    assert stage.engine.crashes == 0  # no check of `Watch` has failed
    assert not stage.venue.unjournalled


class Watch:
    """Answers for the exchange, and holds every close against what is held there."""

    def __init__(self, stage: Stage, refuse: Callable[[OrderRequest], str]) -> None:
        self.closes: list[OrderRequest] = []
        self._venue = stage.venue
        self._refuse = refuse
        stage.venue.instead = self

    def __call__(self, request: OrderRequest) -> Outcome | None:
        if not (request.reduce_only and request.kind is OrderKind.MARKET):
            return None
        held = self._venue.state.positions[request.symbol].quantity
        assert request.quantity <= abs(held)
        beside = [o.request for o in self._venue.state.orders.values()]
        twice = [o for o in beside if o.symbol == request.symbol and o.kind == "market"]
        assert not twice
        self.closes.append(request)
        reason = self._refuse(request)
        return Refused(reason) if reason else None


# --- what is held, what travels -------------------------------------------------


async def test_what_is_held_closes_while_an_entry_may_still_fill(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        Watch(stage, lambda _request: "")
        assert (await stage.command("kill_switch", reason="drill")).ok
        await flat(stage)
        facts = [fact["phase"] for fact in stage.published("KILL_SWITCH")]
        assert facts == ALL
        sent = {
            body["request"]["symbol"]: row.seq
            for row in await stage.rows(Kind.INTENT)
            if (body := msgspec.json.decode(row.body))["reason"] == "kill_switch"
        }
        (cancelled,) = (
            row.seq
            for row in await stage.rows(Kind.ORDER, symbol=B)
            if msgspec.json.decode(row.body)["state"] == "cancelled"
        )
        (flattening,) = (
            row.seq
            for row in await stage.rows(Kind.ACCOUNT)
            if b'"FLATTENING"' in bytes(row.body)
        )
        assert sent[A] < cancelled < flattening


async def test_an_entry_that_filled_in_part_is_cancelled_and_its_part_closed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        (order,) = (
            o for o in stage.venue.state.orders.values() if o.request.symbol == B
        )
        part = stage.venue._account.apply(
            order, Decimal(1), Decimal(100), (stage.engine.clock.now_ms(), False)
        )
        stage.venue.say(part)
        await stage.until(lambda: B in stage.state.book.positions)
        assert (await stage.command("kill_switch")).ok
        await flat(stage)
        closed = {p.symbol: p.entered for p in stage.state.book.closed}
        assert closed[B] == Decimal(1)


async def test_an_unknown_entry_holds_it_in_cancelling_until_it_is_proved_absent(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = held_and_in_flight()
    async with living(world, tmp_path) as stage:
        stage.venue.instead = lambda r: Unknown("no answer") if r.symbol == B else None
        await stage.bar(6)
        (entry,) = (
            o for o in stage.state.book.orders.values() if o.request.symbol == B
        )
        assert entry.state is OrderState.UNKNOWN
        assert (await stage.command("kill_switch")).ok
        await stage.until(lambda: A not in stage.state.book.positions)
        assert phase_of(stage) is K.CANCELLING  # the close did not wait for the proof
        await flat(stage)
        assert stage.state.book.ended[entry.client_id].state is OrderState.ABSENT


# --- what is not ours -----------------------------------------------------------


async def test_a_foreign_position_is_not_touched_and_keeps_it_alarming(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        stage.venue.state.positions[C] = PaperPosition(Decimal(3), Decimal(300))
        assert (await stage.command("kill_switch")).ok
        await stage.bar(20)
        assert phase_of(stage) is K.FLATTENING
        times = [a.ts_ms for a in told(stage, f"position 3 in {C}")]
        assert len(times) >= 3
        assert all(b - a >= 60_000 for a, b in pairwise(times))
        assert C not in {request.symbol for request in stage.venue.placed}
        refused = await stage.command("reset", confirm="RESET")
        assert not refused.ok
        del stage.venue.state.positions[C]
        await flat(stage)


@pytest.mark.parametrize("by", ["hand", "policy"])
async def test_a_foreign_order_is_not_cancelled_and_keeps_it_alarming(
    tmp_path: Path, autojump_clock: MockClock, by: str
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        await PaperExchange.place(stage.venue, FOREIGN)
        assert (await stage.command("kill_switch")).ok
        await stage.bar(20)
        assert phase_of(stage) is K.FLATTENING
        assert told(stage, f"order mine in {C}")
        assert "mine" in stage.venue.state.orders
        if by == "hand":
            await PaperExchange.cancel(stage.venue, C, "mine")
            await flat(stage)
            return
        known = stage.engine.risk.settlement.differences
        for key, difference in known.items():
            known[key] = msgspec.structs.replace(difference, policy=Policy.IGNORE)
        await is_phase(stage, K.LATCHED)
        assert "mine" in stage.venue.state.orders


async def test_dust_counts_as_flat_and_is_said(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        little = Decimal("0.0004")
        stage.venue.state.positions[C] = PaperPosition(little, little * 100)
        assert (await stage.command("kill_switch")).ok
        await is_phase(stage, K.LATCHED)
        (alert,) = told(stage, "dust of 0.0004")
        assert alert.symbol == C


# --- an exchange that does not want ---------------------------------------------


@pytest.mark.parametrize("times", [1, 3, 7])
async def test_refused_closes_are_counted_alarmed_and_tried_again(
    tmp_path: Path, autojump_clock: MockClock, times: int
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        left = [times]

        def refuse(_request: OrderRequest) -> str:
            left[0] -= 1
            return "busy" if left[0] >= 0 else ""

        watch = Watch(stage, refuse)
        assert (await stage.command("kill_switch")).ok
        await flat(stage)
        assert stage.state.counts["kill_closes_failed"] == times
        assert len(told(stage, "under the kill switch: refused, busy")) == times
        assert len({request.client_id for request in watch.closes}) == len(watch.closes)
        efforts = stage.state.book.kill.efforts
        assert efforts[A].failures == times


async def test_a_size_that_the_exchange_refuses_goes_in_pieces(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        whole = stage.state.book.positions[A].open
        most = whole / 3
        watch = Watch(stage, lambda r: "too large" if r.quantity > most else "")
        assert (await stage.command("kill_switch")).ok
        await flat(stage)
        sent = [r.quantity for r in watch.closes if r.quantity <= most]
        assert sum(sent) == whole


async def test_a_close_that_does_not_move_is_replaced_only_once_it_has_ended(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(A, 4): signal()}, bars=60)
    world.bars[A] = world.bars[A][[*range(8), *range(20, 60)]]
    async with living(world, tmp_path) as stage:
        await stage.bar(8)
        watch = Watch(stage, lambda _request: "")
        assert (await stage.command("kill_switch")).ok
        await flat(stage)
        assert len(watch.closes) > 2
        assert told(stage, "has not moved for")


async def test_fetches_that_fail_prove_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        stage.venue.fetch_faults = 1_000
        assert (await stage.command("kill_switch")).ok
        await stage.bar(25)
        assert not stage.venue.state.positions
        assert phase_of(stage) is K.FLATTENING
        assert len(told(stage, "not flat: ours nothing")) >= 3
        stage.venue.fetch_faults = 0
        await flat(stage)


@pytest.mark.parametrize("flaw", ["old", "no fills", "no orders", "no positions"])
async def test_only_a_whole_answer_to_a_question_after_the_last_change_proves_it(
    tmp_path: Path, autojump_clock: MockClock, flaw: str
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        stage.venue.fetch_faults = 1_000
        assert (await stage.command("kill_switch")).ok
        await stage.bar(12)
        newest = stage.state.changed.newest
        look = Look(newest - (flaw == "old"), 0, (), 0, positions=True, balance=False)
        truth = Truth(
            look,
            open_orders=None if flaw == "no orders" else (),
            positions=None if flaw == "no positions" else (),
            fills=None if flaw == "no fills" else (),
            balance=None,
            words=(),
            problems=(),
        )
        stage.engine.risk_ref.tell(truth)
        await stage.bar(14)
        assert phase_of(stage) is K.FLATTENING
        sound = msgspec.structs.replace(truth.look, version=newest)
        whole = Truth(sound, (), (), (), None, (), ())
        stage.engine.risk_ref.tell(whole)
        await flat(stage)


# --- before and after -----------------------------------------------------------


async def test_a_late_fill_after_the_latch_is_closed_with_an_alarm(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        assert (await stage.command("kill_switch")).ok
        await flat(stage)
        (entry,) = (o for o in stage.state.book.ended.values() if o.request.symbol == B)
        sold = (Decimal(2), Decimal(100), ZERO, False, stage.engine.clock.now_ms())
        stage.venue.state.positions[B] = PaperPosition(Decimal(2), Decimal(200))
        stage.venue.say(Fill("t-late", entry.client_id, B, Side.LONG, *sold))
        await stage.until(
            lambda: bool(told(stage, "after the kill switch was LATCHED"))
        )
        await stage.until(lambda: B in {p.symbol for p in stage.state.book.closed})
        await flat(stage)
        facts = [fact["phase"] for fact in stage.published("KILL_SWITCH")]
        assert facts == [*ALL, *ALL]


async def test_where_nothing_runs_the_market_is_brought_up_to_flatten(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        assert (await stage.command("stop")).ok
        assert stage.machine.phase is Phase.IDLE
        assert A in stage.state.book.positions
        answer = await stage.command("emergency_stop", reason="from the beach")
        assert answer.ok
        assert "brought up" in answer.message
        await flat(stage)
        assert stage.machine.phase is Phase.EMERGENCY
        assert {p.reason for p in stage.state.book.closed} <= {"kill_switch"}
        assert (await stage.command("reset", confirm="RESET")).ok
        assert stage.machine.phase is Phase.IDLE


async def test_a_market_that_does_not_come_up_is_tried_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        assert (await stage.command("stop")).ok
        stage.venue.fetch_faults = 3
        assert (await stage.command("kill_switch")).ok
        await stage.until(lambda: stage.machine.phase is Phase.ERROR)
        assert told(stage, "start failed")
        await flat(stage)
        assert stage.venue.fetch_faults == 0


async def test_releasing_takes_the_typed_word_and_is_audited(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        assert (await stage.command("kill_switch")).ok
        await flat(stage)
        for given in ({}, {"confirm": "reset"}, {"confirm": True}):
            refused = await stage.command("reset", **given)
            assert not refused.ok
            assert '{"confirm": "RESET"}' in refused.message
        assert phase_of(stage) is K.LATCHED
        assert stage.engine.halt.reason is not None
        assert (await stage.command("reset", confirm="RESET")).ok
        assert phase_of(stage) is K.ARMED
        assert stage.engine.halt.reason is None
        facts = [fact["phase"] for fact in stage.published("KILL_SWITCH")]
        assert facts == [*ALL, K.ARMED]
        audits = [row["result"] for row in await stage.bodies(Kind.AUDIT)]
        assert sum("reset refused" in result for result in audits) == 3
