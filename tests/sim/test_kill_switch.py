"""The kill switch ends flat by the exchange's own word, or goes on and says so."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from trio.testing import MockClock

from actors.domain.money import ZERO
from actors.domain.orders import (
    Fill,
    OrderState,
    Side,
    Unknown,
)
from actors.domain.phases import Phase
from actors.domain.truth import Look, Policy, Truth
from actors.exchange.paper.account import PaperPosition
from actors.exchange.paper.exchange import PaperExchange
from actors.journal import Kind
from tests.sim.killing import (
    ALL,
    FOREIGN,
    K,
    Watch,
    flat,
    held_and_in_flight,
    is_phase,
    phase_of,
    told,
)
from tests.sim.world import A, B, C, living

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


async def test_what_is_ours_is_not_told_of_as_somebody_elses(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(held_and_in_flight(), tmp_path) as stage:
        await stage.bar(6)
        stage.venue.state.positions[C] = PaperPosition(Decimal(3), Decimal(300))
        Watch(stage, lambda _request: "busy")
        assert (await stage.command("kill_switch")).ok
        await stage.bar(20)
        held = stage.state.book.positions[A].open
        said = f"ours {held} {A}, stop open; not ours: position 3 in {C}"
        late = [alert.message for alert in told(stage, "position 3 in")]
        assert len(late) >= 2
        assert all(f"not flat: {said}" in message for message in late)
        left = stage.view.risk().kill.left
        theirs = [one for one in left if "not ours" in one]
        assert theirs == [f"not ours: position 3 in {C}"]


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
        for difference in known.all():
            known.decide(difference, Policy.IGNORE, "test")
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


# --- the exchange's word --------------------------------------------------------


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
        stage.venue.fetch_faults = 200  # more than are asked for in one start
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
