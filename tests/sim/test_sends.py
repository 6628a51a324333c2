"""Sends that outlive the risk actor, and those that outlive the whole engine."""

from pathlib import Path

import trio
from trio.testing import MockClock

from actors.domain.orders import OrderKind, OrderRequest, OrderState, Outcome
from actors.domain.phases import Phase
from actors.exchange.outcome import Act
from actors.journal import Journal, Kind
from actors.risk.orders.dispatch import ANSWER_SECONDS_MAX, Answered
from actors.risk.orders.records import OrderRecord
from tests.sim.faulty import Always, Fault, FaultyVenue, disagreements
from tests.sim.script import signal
from tests.sim.world import A, B, Stage, World, living


class SlowVenue(FaultyVenue):
    """Takes an order at once and answers an entry after so many seconds."""

    seconds = 0.0

    async def place(self, request: OrderRequest) -> Outcome:
        outcome = await super().place(request)
        if request.kind is OrderKind.MARKET:
            await trio.sleep(self.seconds)
        return outcome


def world() -> World:
    made = World({(A, 4): signal(stop=95.0), (B, 20): signal(stop=95.0)}, bars=60)
    made.venue = SlowVenue
    return made


def slow(stage: Stage, seconds: float) -> None:
    assert isinstance(stage.venue, SlowVenue)
    stage.venue.seconds = seconds


def heard(stage: Stage) -> list[Answered]:
    """Every late answer that the risk actors of this engine take."""
    taken: list[Answered] = []
    treasury = stage.engine.treasury
    told = treasury._answered_late

    def note(late: Answered) -> None:
        taken.append(late)
        told(late)

    treasury._dispatcher._late = note
    return taken


async def test_a_risk_crash_loses_no_answer_and_stops_no_later_send(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(world(), tmp_path) as stage:
        slow(stage, 5.0)
        taken = heard(stage)
        await stage.bar(4)
        (entry,) = stage.venue.placed
        assert stage.state.book.orders[entry.client_id].state is OrderState.SENDING
        before = stage.engine.risk
        stage.engine.risk_ref.tell(object())
        await stage.until(lambda: stage.machine.phase is Phase.ERROR)
        assert stage.engine.risk is not before
        assert not taken, "the answer is still on its way"
        await stage.until(lambda: bool(taken))
        assert [(one.act, one.client_id) for one in taken] == [
            (Act.PLACE, entry.client_id)
        ]
        slow(stage, 0.0)
        assert (await stage.command("retry")).ok
        await stage.bar(26)
        assert {A, B} == set(stage.state.book.positions)
        assert all(view.stop_confirmed for view in stage.view.positions())
        found = [text for text in disagreements(stage) if "crashes" not in text]
        assert not found


async def ended(where: Path, seconds: float) -> tuple[float, list[OrderState]]:
    """End an engine while an entry is on its way; the seconds that took, its states."""
    journals: list[tuple[Kind, object]] = []
    async with living(world(), where) as stage:
        slow(stage, seconds)
        # Only the answer tells of the order.
        silent = Always(tell=Fault.DROPPED, fetch_open_orders=Fault.FAILS)
        stage.venue.plan = silent  # type: ignore[attr-defined]  # a SlowVenue
        await stage.bar(4)
        (entry,) = stage.venue.placed
        assert stage.state.book.orders[entry.client_id].state is OrderState.SENDING
        _witness(stage.engine.journal, journals)
        began = trio.current_time()
    rows = [body for _, body in journals if isinstance(body, OrderRecord)]
    assert journals[-1][0] is Kind.SESSION, "the last row"
    assert len(stage.venue.placed) == 1, "nothing is sent any more"
    return trio.current_time() - began, [row.state for row in rows]


def _witness(journal: Journal, seen: list[tuple[Kind, object]]) -> None:
    append = journal.append

    def noted(kind: Kind, body: object, **names: object) -> int:
        seen.append((kind, body))
        return append(kind, body, **names)  # type: ignore[arg-type]  # as they came

    journal.append = noted  # type: ignore[method-assign,assignment]  # a witness


async def test_an_end_waits_for_sends_and_journals_their_answers(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    seconds, states = await ended(tmp_path, 7.0)
    assert 6.0 < seconds <= ANSWER_SECONDS_MAX
    assert states == [OrderState.OPEN]


async def test_an_end_waits_no_longer_than_an_answer_may_take(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    seconds, states = await ended(tmp_path, 3_600.0)
    assert seconds <= ANSWER_SECONDS_MAX
    assert states == [OrderState.UNKNOWN]
