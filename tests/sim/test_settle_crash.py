"""The process is killed in the middle of a settle; the next one books nothing twice."""

from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.domain.crash_points import CrashPoint
from actors.domain.orders import Fill, Side
from actors.domain.phases import Phase
from actors.journal import Kind
from actors.risk.account.book import replay
from actors.runtime.crash import arm, disarm
from tests.sim.faulty import FaultyVenue, disagreements
from tests.sim.script import signal
from tests.sim.test_settle import foreign, venue_of
from tests.sim.world import A, Stage, World, living


class Killed(BaseException):
    """The process is gone: nobody may catch this and tidy up."""


def world() -> World:
    made = World({(A, 4): signal(stop=95.0)}, bars=3_000, symbols=(A,))
    made.venue = FaultyVenue
    return made


async def settled(stage: Stage) -> None:
    """Adopt what differs, as often as something is shown, and release the symbol."""
    while True:
        await stage.bar(stage.state.counts["cycles"] + 3)
        rows = [row for row in stage.view.differences() if row.symbol]
        if not rows and A not in stage.state.book.halted:
            return
        args: dict[str, Any] = {"symbol": A, "policy": "adopt", "confirm": A}
        await stage.command("settle", **args, **({"id": rows[0].id} if rows else {}))


def die() -> None:
    raise Killed


@pytest.mark.parametrize(
    ("point", "passing"),
    [
        (CrashPoint.COMMITTED, 1),
        (CrashPoint.COMMITTED, 2),
        (CrashPoint.COMMITTED, 3),
        (CrashPoint.INTENT_APPENDED, 1),
        (CrashPoint.INTENT_COMMITTED, 1),
        (CrashPoint.ANSWERED, 1),
    ],
)
async def test_a_crash_in_the_middle_of_a_settle_books_nothing_twice(
    tmp_path: Path, autojump_clock: MockClock, point: CrashPoint, passing: int
) -> None:
    """A long of ours was turned into a short by hand: two adjustments, one stop."""
    with pytest.raises((Killed, BaseExceptionGroup)):  # noqa: PT012 - killed inside
        async with living(world(), tmp_path, account=True, journal=True) as stage:
            with trio.fail_after(600):
                await stage.bar(6)
                more = stage.state.book.ours(A) + 2
                await venue_of(stage).intrude(foreign(A, Side.SHORT, str(more)))
                await stage.until(lambda: A in stage.state.book.halted)
                arm(point, die, passing=passing)
                await settled(stage)
                await trio.sleep_forever()
    disarm()
    async with living(world(), tmp_path, account=True, journal=True) as stage:
        with trio.fail_after(600):
            await settled(stage)
            await stage.bar(stage.state.counts["cycles"] + 3)
        assert stage.state.book.ours(A) == -2
        assert stage.view.positions()[0].stop_confirmed
        assert not disagreements(stage)
        fills = [row.decode(Fill) for row in await stage.rows(Kind.FILL)]
        adjustments = [f.trade_id for f in fills if f.trade_id.startswith("a-")]
        assert sorted(name[-2:] for name in adjustments) == ["-e", "-x"]
        adopted = [p for p in stage.state.book.closed if p.reason == "adopted"]
        assert len(adopted) == 1
        assert (await stage.command("stop")).ok  # the market stands still
        await stage.until(lambda: stage.machine.phase is Phase.IDLE)
        await stage.engine.journal.commit()
        assert await replay(stage.engine.journal.read) == stage.state.book
