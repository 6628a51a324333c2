"""Opens a market in real time: lists symbols, fetches the past, makes the streams."""

from collections.abc import Callable

import msgspec

from actors.domain.errors import MarketDataError
from actors.market.live.dialect import Dialect, Listed, Question, questions
from actors.market.live.hub import Door
from actors.market.live.market import LiveMarket
from actors.market.live.minutes import MINUTE_MS
from actors.market.live.past import Past, Progress
from actors.market.live.repair import Fetch
from actors.market.live.streams import ALL, Present, Streams, Wish
from actors.market.live.told import Source, ToldStreams
from actors.market.live.wire import Channel
from config.settings import FeedGroup

#: What accounts are counted in: other quotes are not traded (see domain.limits).
QUOTES = ("USDT", "USDC", "USD")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be opened."""

    symbols: int | tuple[str, ...] | None  # None: everything in dollars
    in_hand: frozenset[str] = frozenset()  # not left out when only so many are wanted
    history_ms: int
    stream_url: str = ""  # empty: the exchange's own
    depth: bool = True
    breath_ms: int = 5
    budgets: FeedGroup = FeedGroup()
    seed: int = 0


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How an exchange is asked and heard."""

    dialect: Dialect
    fetch: Fetch
    #: For what is not urgent, symbols and history: again and again. None: once.
    patient: Question | None = None
    source: Source | None = None  # who keeps the streams, where the dialect does not
    door: Door | None = None  # what bars our dials while a ban holds


async def open_live(
    way: Way, plan: Plan, clock: Callable[[], int], progress: Progress
) -> LiveMarket:
    """Make the market; nothing streams before it is run.

    Raises MarketDataError for symbols that are not traded, ExchangeError when the
    exchange cannot be asked.
    """
    dialect, asked = way.dialect, way.patient or questions(way.fetch)
    listed = await list_symbols(dialect, plan.symbols, asked, plan.in_hand)
    end_ms = clock() // MINUTE_MS * MINUTE_MS
    past = Past(dialect, asked, progress)
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
    streams: Present = (
        Streams(dialect, wish, way.fetch, clock, way.door)
        if way.source is None
        else ToldStreams(dialect, wish, way.source, clock)
    )
    return LiveMarket(streams, listed, way.fetch, bars, end_ms, tuple(past.faults))


async def list_symbols(
    dialect: Dialect,
    symbols: int | tuple[str, ...] | None,
    asked: Question,
    in_hand: frozenset[str] = frozenset(),
) -> tuple[Listed, ...]:
    """Choose among what the exchange trades now, in its own order.

    What is in hand stays: an exchange that lists another symbol moves all behind it.
    """
    listed: dict[str, Listed] = {}
    for ask in dialect.rest.ask_listed():
        for one in await asked(ask, dialect.rest.read_listed):
            listed[one.instrument.symbol] = one
    if isinstance(symbols, tuple):
        unknown = sorted(set(symbols) - set(listed))
        if unknown or not symbols:
            msg = f"exchange:{dialect.name} does not trade {unknown or 'nothing'}; "
            some = ", ".join(list(listed)[:8])
            msg += f"it trades {len(listed)} symbols: {some}, ..."
            raise MarketDataError(msg)
        return tuple(listed[name] for name in dict.fromkeys(symbols))
    chosen = [one for one in listed.values() if one.instrument.quote in QUOTES]
    if not chosen:
        msg = f"exchange:{dialect.name} trades nothing in {', '.join(QUOTES)} now"
        raise MarketDataError(msg)
    wanted = len(chosen) if symbols is None else symbols
    held = [one for one in chosen[wanted:] if one.instrument.symbol in in_hand]
    return tuple(chosen[:wanted] + held)
