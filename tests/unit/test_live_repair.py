"""Repairs of one exchange's streams, under a virtual clock."""

import pytest
import trio
from trio.testing import MockClock

from actors.market.live.dialect import Ask
from actors.market.live.exchanges import DIALECTS
from actors.market.live.sequence import BookState
from actors.market.live.streams import Streams, Wish

BOOK = b'{"lastUpdateId":10,"bids":[["1","1"]],"asks":[["2","1"]]}'


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


async def test_a_repair_that_was_cancelled_is_made_when_repairs_run_again(
    autojump_clock: MockClock,
) -> None:
    """A service that is started anew: what was in hand must not stay so."""
    asked: list[str] = []

    async def fetch(ask: Ask) -> bytes:
        asked.append(ask.path)
        await trio.sleep(5)
        return BOOK

    wish = Wish(natives=["BTCUSDT"])
    streams = Streams(DIALECTS["binance"], wish, fetch, lambda: 1_700_000_000_000)
    streams.repairs.book("BTCUSDT")
    with trio.move_on_after(2):
        await streams.repairs.run()
    keeper = streams.hub.symbols["BTCUSDT"].keeper
    assert (len(asked), keeper.state.name) == (1, "EMPTY")
    with trio.move_on_after(30):
        await streams.repairs.run()
    assert len(asked) == 2, "what was in hand stays due, though nobody says so again"
    assert keeper.state is BookState.WHOLE
