"""No close waits for a slow cancel, however many there are."""

from pathlib import Path

import trio
from trio.testing import MockClock

from actors.domain.orders import OrderRequest, Outcome
from actors.risk.orders.dispatch import PATIENCE_SECONDS
from tests.sim.killing import flat
from tests.sim.script import signal
from tests.sim.stops import is_close
from tests.sim.world import SYMBOLS, World, living


async def test_a_kill_sends_every_close_though_no_cancel_is_answered_in_time(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = World({(name, 4): signal(stop=95.0) for name in SYMBOLS}, bars=60)
    async with living(world, tmp_path) as stage:
        await stage.bar(6)
        assert len(stage.state.book.orders) == 3 * len(SYMBOLS)  # stop, two targets
        cancel, place = stage.venue.cancel, stage.venue.place
        sent_s: list[float] = []

        async def slow(symbol: str, client_id: str) -> Outcome:
            answer = await cancel(symbol, client_id)
            await trio.sleep(5.0)
            return answer

        async def timed(request: OrderRequest) -> Outcome:
            if is_close(request):
                sent_s.append(trio.current_time())
            return await place(request)

        stage.venue.cancel = slow  # type: ignore[method-assign]  # the fault
        stage.venue.place = timed  # type: ignore[method-assign]  # an eye on it
        began_s = trio.current_time()
        assert (await stage.command("kill_switch")).ok
        assert len(sent_s) == len(SYMBOLS)
        assert sent_s[-1] - began_s <= PATIENCE_SECONDS * len(SYMBOLS) + 0.01
        await flat(stage)
