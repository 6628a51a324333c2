"""What a market in real time brings besides its bars: tasks, and ages to judge by."""

from collections.abc import Callable
from functools import partial

import trio

from actors.cursor import Cursor
from actors.domain.freshness import Judgement
from actors.domain.messages import Tick
from actors.market.port import Market, RealTimeMarket
from actors.runtime import ChildSpec
from actors.runtime.clock import MarketClock
from actors.service import service

#: What must be done by the clock alone is done so late at most, in seconds.
TICK_SECONDS = 0.5


def beside_the_feed(
    market: Market,
    clock: MarketClock,
    now_ms: Callable[[], int] | None,
    tell: Callable[[Tick], None],
) -> tuple[ChildSpec, ...]:
    """Specify the streams of a market that happens now, and a real exchange's time.

    `now_ms` is the hour of an exchange that waits for nobody; None: it is simulated.
    Where it is set back, the engine's clock stands still until it has caught up.
    """
    beside = []
    if isinstance(market, RealTimeMarket):
        beside.append(service("streams", market.run))

    async def tick(now_ms: Callable[[], int]) -> None:
        while True:
            clock.advance_to(max(clock.now_ms(), now_ms()))
            tell(Tick())
            await trio.sleep(TICK_SECONDS)

    if now_ms is not None:
        beside.append(service("time", partial(tick, now_ms)))
    return tuple(beside)


def judging(market: Market, cursor: Cursor) -> Callable[[str], Judgement | None]:
    """Make the judge of a symbol's feed; None: a simulated market's data is of now."""

    def judge(symbol: str) -> Judgement | None:
        if not isinstance(market, RealTimeMarket):
            return None
        return market.judge(symbol, cursor.last_close_ms)

    return judge
