"""One ccxt exchange's public data: what it lists, its candles, its clock, its streams.

Errors leave as the engine's own. One kind of market is offered at a time, as streams
mix none: spot where there is any, else linear swaps; `-spot` and `-swap` after the id
choose. Contracts of another size than one unit are left out: exchanges count their
volume in contracts or in the base currency, and ccxt does not say which.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

import msgspec
from ccxt.base.decimal_to_precision import SIGNIFICANT_DIGITS, TICK_SIZE
from ccxt.base.errors import BaseError

from actors.domain.bars import Instrument
from actors.domain.errors import ExchangeError, MarketDataError
from actors.exchange.ccxtrio.classes import Family, exchange_class, exchange_ids
from actors.exchange.ccxtrio.feed import Feed, ways
from actors.exchange.ccxtrio.history import Rows, fetch_rows, page_size
from actors.exchange.ccxtrio.serverdate import ServerDate
from actors.exchange.ccxtrio.shapes import Kind
from actors.exchange.gate.gate import Gate
from actors.exchange.gate.limiter import Lane, in_lane

KINDS = ("spot", "swap")
LIVE, CANDLES = "1m", Kind.CANDLES  # what is streamed of candles
#: The clock is asked by an object of its own: a wait for the limiter would be taken for
#: the way to the exchange, and half of it for an offset. It is five requests a minute.
CLOCK_SETTINGS = {"enableRateLimit": False}
BPS = Decimal(10_000)
#: The newest answer is kept, to tell one that is empty from one that is none.
SETTINGS = {"enableRateLimit": True, "enableLastJsonResponse": True}
#: Where the exchange says nothing, as a recording's instruments have it.
NOTIONAL_MIN = Decimal(5)
MAKER_FEE_BPS = Decimal("2.0")
TAKER_FEE_BPS = Decimal("7.5")


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where the exchange is; empty: where ccxt says."""

    rest: str = ""
    stream: str = ""


class PublicSide:
    """The port to one exchange."""

    def __init__(self, exchange: Any, kind: str, clock: Any = None) -> None:
        self.id = str(exchange.id)
        candles = LIVE in (exchange.timeframes or ())
        self.kinds = frozenset(k for k in ways(exchange) if candles or k != CANDLES)
        self._exchange = exchange
        self._clock = clock or exchange
        self._kind = kind
        self._date = ServerDate()

    async def listed(self) -> list[Instrument]:
        """Load what is traded now, in the exchange's own order."""
        with _told(f"{self.id} listing"):
            markets = list((await self._exchange.load_markets()).values())
        found = {kind: [m for m in markets if _fits(m, kind)] for kind in KINDS}
        kind = self._kind or next((k for k in KINDS if found[k]), "spot")
        steps = await self._steps(found[kind])
        return [
            _instrument(one, *steps[one["symbol"]])
            for one in found[kind]
            if one["symbol"] in steps
        ]

    async def _steps(
        self, markets: list[dict[str, Any]]
    ) -> dict[str, tuple[Decimal, Decimal]]:
        """Give each symbol's price and amount steps.

        Two exchanges count significant digits of a price; the step is that of the
        newest price then, and a symbol without one is left out.
        """
        exchange, steps = self._exchange, {}
        if exchange.precisionMode == TICK_SIZE:
            for one in markets:
                found = one["precision"]
                steps[one["symbol"]] = (
                    _decimal(found["price"]),
                    _decimal(found["amount"]),
                )
            return steps
        assert exchange.precisionMode == SIGNIFICANT_DIGITS, exchange.precisionMode
        with _told(f"{self.id} prices"):
            tickers = await exchange.fetch_tickers()
        for one in markets:
            last = (tickers.get(one["symbol"]) or {}).get("last")
            if last:
                found = one["precision"]
                digits = _decimal(last).adjusted() - int(found["price"]) + 1
                places = -int(found["amount"])
                steps[one["symbol"]] = (
                    Decimal(1).scaleb(digits),
                    Decimal(1).scaleb(places),
                )
        return steps

    async def candles(
        self, symbol: str, timeframe: str, start_ms: int, stop_ms: int
    ) -> Rows:
        """Fetch the rows that open in [start_ms, stop_ms), as the exchange has them."""
        with _told(f"{self.id} candles of {symbol}"), in_lane(Lane.SCAN):
            span = (start_ms, stop_ms)
            return await fetch_rows(self._exchange, symbol, timeframe, span)

    def page_size(self, symbol: str) -> int:
        """Say how many candles come at once."""
        return page_size(self._exchange, symbol)

    def check_timeframe(self, timeframe: str) -> None:
        """Raise MarketDataError unless candles of this length can be fetched."""
        exchange = self._exchange
        known = tuple(exchange.timeframes or ()) if exchange.has["fetchOHLCV"] else ()
        if timeframe not in known:
            has = ", ".join(known) or "none"
            msg = f"{self.id} has no candles of {timeframe}; it has {has}"
            raise MarketDataError(msg)

    async def time_ms(self) -> int:
        """Ask for the exchange's clock; see `ServerDate` where it tells none."""
        exchange = self._clock
        with _told(f"{self.id} time"):
            if exchange.has.get("fetchTime"):
                return int(await exchange.fetch_time())
            markets = (await exchange.load_markets()).values()
            wanted = [self._kind] if self._kind else KINDS
            fit = (m["symbol"] for m in markets for k in wanted if _fits(m, k))
            await exchange.fetch_ticker(next(fit, None))
        headers = exchange.last_response_headers or {}
        dates = [value for name, value in headers.items() if name.lower() == "date"]
        if not dates:
            msg = f"{self.id} tells its time neither by itself nor in its answers"
            raise ExchangeError(msg)
        return self._date.take(dates[0])

    def feed(self, symbols: Sequence[str]) -> Feed:
        """Make a feed of all kinds that are streamed; its `run` is the caller's."""
        return Feed(self._exchange, symbols, self.kinds)


@asynccontextmanager
async def public_side(
    name: str, at: Addresses, gate: Gate
) -> AsyncIterator[PublicSide]:
    """Open an exchange of ccxt for a block: its id, with `-spot` or `-swap` or not.

    All that is sent goes through the gate, the clock's questions too.
    Raises MarketDataError for a name that is none, with those that are near.
    """
    exchange_id, _, kind = name.partition("-")
    streamed = exchange_ids(Family.STREAM)
    known = sorted({*streamed, *exchange_ids(Family.REST)})
    if exchange_id not in known or kind not in {"", *KINDS}:
        near = ", ".join(get_close_matches(exchange_id, known)) or "none is near"
        msg = (
            f"exchange:{name} is no exchange; near: {near}; ccxt knows {len(known)}, "
            "each with -spot or -swap after it or neither"
        )
        raise MarketDataError(msg)
    family = Family.STREAM if exchange_id in streamed else Family.REST
    exchange = exchange_class(exchange_id, family)({**SETTINGS, "gate": gate})
    clock = exchange_class(exchange_id, Family.REST)({**CLOCK_SETTINGS, "gate": gate})
    _move(exchange, at)
    _move(clock, at)
    side = PublicSide(exchange, kind, clock)
    try:
        if family is Family.STREAM:
            async with exchange:
                yield side
        else:
            yield side
    finally:
        await clock.close()
        await exchange.close()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn what ccxt raises into the engine's error."""
    try:
        yield
    except BaseError as error:
        msg = f"{what}: {type(error).__name__}: {str(error)[:300]}"
        raise ExchangeError(msg) from error


def _fits(market: dict[str, Any], kind: str) -> bool:
    if market.get("active") is False or market.get("type") != kind:
        return False
    precision = market.get("precision") or {}
    if precision.get("price") is None or precision.get("amount") is None:
        return False
    one = market.get("contractSize") in {None, 1}
    return kind == "spot" or (market.get("linear") is True and one)


def _instrument(market: dict[str, Any], tick: Decimal, lot: Decimal) -> Instrument:
    limits = market.get("limits") or {}
    least = {name: (limits.get(name) or {}).get("min") for name in ("amount", "cost")}
    return Instrument(
        symbol=market["symbol"],
        base=market["base"],
        quote=market["quote"],
        tick_size=tick,
        lot_size=lot,
        quantity_min=_decimal(least["amount"] or 0) or lot,
        notional_min=_decimal(least["cost"] or 0) or NOTIONAL_MIN,
        shortable=market["type"] == "swap",
        maker_fee_bps=_fee(market.get("maker"), MAKER_FEE_BPS),
        taker_fee_bps=_fee(market.get("taker"), TAKER_FEE_BPS),
    )


def _fee(share: Any, otherwise: Decimal) -> Decimal:
    """Give a fee in bps; what ccxt does not say is the usual, never nothing."""
    return otherwise if share is None else _decimal(share) * BPS


def _decimal(number: Any) -> Decimal:
    return Decimal(str(number)).normalize()


def _move(exchange: Any, at: Addresses) -> None:
    """Lead all its addresses elsewhere, with their paths."""

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: moved(one) for name, one in value.items()}
        scheme, mark, rest = str(value).partition("://")
        host = at.stream if scheme in {"ws", "wss"} else at.rest
        return f"{host}/{rest.partition('/')[2]}" if mark and host else value

    if at.rest or at.stream:
        exchange.urls["api"] = moved(exchange.urls["api"])
