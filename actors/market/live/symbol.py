"""One symbol as its streams show it: tape, quote, book, candle, ages.

This is where every message of the hot path ends: a few comparisons and stores. What
the messages add up to (the context of a bar) is worked out when a bar closes.
"""

from collections.abc import Callable, Sequence

from actors.domain.freshness import Now
from actors.market.live.dialect import Dialect
from actors.market.live.pulse import Pulse
from actors.market.live.sequence import BookState, Keeper
from actors.market.live.tape import Tape
from actors.market.live.wire import Candle, Channel, DepthUpdate, Quote, Trade
from config.settings import FeedGroup


class Taps:
    """Who wants to see everything, in order and once; mostly nobody."""

    def __init__(self) -> None:
        self.trade: Callable[[str, Trade], None] | None = None
        self.quote: Callable[[str, Quote], None] | None = None
        self.closed: Callable[[str, Candle], None] | None = None
        self.broken: Callable[[str], None] | None = None  # the book wants repair
        self.missing: Callable[[str], None] | None = None  # the tape wants repair


class SymbolStream:
    """The present of one symbol."""

    def __init__(
        self,
        native: str,
        dialect: Dialect,
        channels: frozenset[Channel],
        budgets: FeedGroup,
        taps: Taps,
    ) -> None:
        self.native = native
        self.channels = channels
        self.tape = Tape(consecutive=dialect.rest.ask_trades(native, 0) is not None)
        self.keeper = Keeper(dialect.rule)
        self.pulse = Pulse(budgets)
        self.quote: Quote | None = None
        self.candle: Candle | None = None  # the newest, closed or not
        self.closed_ts = 0  # open time of the newest closed candle
        self.messages = 0
        self._taps = taps

    def trades(self, now: Now, trades: Sequence[Trade], _generation: int) -> None:
        """Take a message of trades."""
        tap = self._taps.trade
        for trade in trades:
            if self.tape.take(trade) and tap is not None:
                tap(self.native, trade)
        self.messages += 1
        self.pulse.heard(now, trades[-1].ts_ms if trades else 0)
        if self.tape.missing:
            self._tape_gap(now)

    def late_trades(self, trades: Sequence[Trade]) -> None:
        """Take trades that were fetched; they vouch for no freshness."""
        tap = self._taps.trade
        for trade in trades:
            if self.tape.take(trade) and tap is not None:
                tap(self.native, trade)

    def _tape_gap(self, now: Now) -> None:
        self._note_gap(now)
        if self._taps.missing is not None:
            self._taps.missing(self.native)

    def quotes(self, now: Now, quotes: Sequence[Quote], _generation: int) -> None:
        """Take a message of quotes; the newest stays."""
        tap = self._taps.quote
        self.messages += 1
        for quote in quotes:
            if _is_newer(quote, self.quote):
                self.quote = quote
                if tap is not None:
                    tap(self.native, quote)
            self.pulse.heard(now, quote.ts_ms)

    def candles(self, now: Now, candles: Sequence[Candle], _generation: int) -> None:
        """Take a message of candles; each close is passed on once."""
        self.messages += 1
        for candle in candles:
            self.pulse.heard(now, candle.ts_ms)
            if candle.open_ts <= self.closed_ts:
                continue  # repeated, or of a minute that is over
            self.candle = candle
            if candle.closed:
                self.closed_ts = candle.open_ts
                if self._taps.closed is not None:
                    self._taps.closed(self.native, candle)

    def depths(self, now: Now, updates: Sequence[DepthUpdate], generation: int) -> None:
        """Take a message of the book."""
        self.messages += 1
        keeper = self.keeper
        for update in updates:
            before = keeper.state
            self.pulse.heard(now, update.ts_ms)
            state = keeper.take(update, generation)
            if state is not BookState.WHOLE or before is not state:
                self.book_turned(now)

    def book_turned(self, now: Now) -> None:
        """The book became whole, or is not: note it, and have it repaired."""
        self._note_gap(now)
        if self.keeper.state is not BookState.WHOLE and self._taps.broken is not None:
            self._taps.broken(self.native)

    def _note_gap(self, now: Now) -> None:
        broken = Channel.DEPTH in self.channels and (
            self.keeper.state is not BookState.WHOLE and self.keeper.resets > 0
        )
        self.pulse.gap(now, is_open=broken or bool(self.tape.missing))

    def repaired(self, now: Now) -> None:
        """Somebody mended the tape or the book from outside."""
        self._note_gap(now)

    def left_to(self, now: Now, generation: int) -> None:
        """Of the connections that brought the book, only this one goes on."""
        if self.keeper.belong_to(generation):
            self.book_turned(now)

    def lost(self, now: Now) -> None:
        """The connection is gone without another to take over."""
        if Channel.DEPTH in self.channels:
            self.keeper.lose()
            self.book_turned(now)


def _is_newer(quote: Quote, known: Quote | None) -> bool:
    """By its number, or by its time: numbers may begin anew, and times stand still."""
    if known is None:
        return True
    return quote.update_id > known.update_id or quote.ts_ms > known.ts_ms
