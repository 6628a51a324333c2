"""What a market in real time brings besides its bars: a task, and ages to judge by."""

from collections.abc import Callable

from actors.domain.freshness import Judgement
from actors.market.port import Market, RealTimeMarket
from actors.runtime import ChildSpec
from actors.runtime.clock import Clock
from actors.service import service


def streams_of(market: Market) -> tuple[ChildSpec, ...]:
    """Specify what runs beside the feed: the streams of a market that happens now."""
    if isinstance(market, RealTimeMarket):
        return (service("streams", market.run),)
    return ()


def judging(market: Market, clock: Clock) -> Callable[[str], Judgement | None]:
    """Make the judge of a symbol's feed; None: a simulated market's data is of now."""

    def judge(symbol: str) -> Judgement | None:
        if not isinstance(market, RealTimeMarket):
            return None
        return market.judge(symbol, clock.now_ms())

    return judge
