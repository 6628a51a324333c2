"""Opens a market in real time: lists symbols, fetches the past, makes the streams."""

from collections.abc import Callable

import msgspec

from actors.domain.errors import MarketDataError
from actors.market.live.dialect import Dialect, Listed
from actors.market.live.exchanges import DIALECTS
from actors.market.live.market import LiveMarket
from actors.market.live.minutes import MINUTE_MS
from actors.market.live.past import Past, Progress
from actors.market.live.repair import Fetch
from actors.market.live.streams import ALL, Streams, Wish
from actors.market.live.wire import Channel
from config.settings import FeedGroup

#: What accounts are counted in: other quotes are not traded (see domain.limits).
QUOTES = ("USDT", "USDC", "USD")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be opened."""

    symbols: int | tuple[str, ...] | None  # None: everything in dollars
    history_ms: int
    stream_url: str = ""  # empty: the exchange's own
    depth: bool = True
    breath_ms: int = 5
    budgets: FeedGroup = FeedGroup()
    seed: int = 0


def dialect_of(name: str) -> Dialect:
    """Find an exchange; MarketDataError: it has no hot streams."""
    if name not in DIALECTS:
        msg = f"exchange:{name} has no streams here; known: {', '.join(DIALECTS)}"
        raise MarketDataError(msg)
    return DIALECTS[name]


async def open_live(
    dialect: Dialect,
    plan: Plan,
    fetch: Fetch,
    clock: Callable[[], int],
    progress: Progress,
) -> LiveMarket:
    """Make the market; nothing streams before it is run.

    Raises MarketDataError for symbols that are not traded, ExchangeError when the
    exchange cannot be asked.
    """
    listed = await list_symbols(dialect, plan, fetch)
    end_ms = clock() // MINUTE_MS * MINUTE_MS
    past = Past(dialect, fetch, progress)
    start_ms = (end_ms - plan.history_ms) // MINUTE_MS * MINUTE_MS
    bars = await past.fetch(listed, start_ms, end_ms)
    channels = ALL if plan.depth else ALL - {Channel.DEPTH}
    wish = Wish(
        natives=[one.native for one in listed],
        channels=channels,
        stream_url=plan.stream_url,
        budgets=plan.budgets,
        breath_ms=plan.breath_ms,
        seed=plan.seed,
    )
    streams = Streams(dialect, wish, fetch, clock)
    return LiveMarket(streams, listed, fetch, bars, end_ms, tuple(past.faults))


async def list_symbols(
    dialect: Dialect, plan: Plan, fetch: Fetch
) -> tuple[Listed, ...]:
    """Choose among what the exchange trades now, in its own order."""
    listed: dict[str, Listed] = {}
    for ask in dialect.rest.ask_listed():
        for one in dialect.rest.read_listed(await fetch(ask)):
            listed[one.instrument.symbol] = one
    if isinstance(plan.symbols, tuple):
        unknown = sorted(set(plan.symbols) - set(listed))
        if unknown or not plan.symbols:
            msg = f"exchange:{dialect.name} does not trade {unknown or 'nothing'}; "
            some = ", ".join(list(listed)[:8])
            msg += f"it trades {len(listed)} symbols: {some}, ..."
            raise MarketDataError(msg)
        return tuple(listed[name] for name in dict.fromkeys(plan.symbols))
    chosen = [one for one in listed.values() if one.instrument.quote in QUOTES]
    if not chosen:
        msg = f"exchange:{dialect.name} trades nothing in {', '.join(QUOTES)} now"
        raise MarketDataError(msg)
    return tuple(chosen[: plan.symbols])
