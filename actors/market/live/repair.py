"""Mends what a stream lost: whole books, missing trades.

Whoever finds a hole only says so, as often as it likes: each symbol is in hand once. A
moment is waited first, as a piece that was only late heals by itself. Requests go out
within the exchange's weight; one that fails is made again after a pause.
"""

from collections.abc import Awaitable, Callable, Sequence

import trio

from actors.domain.errors import ExchangeError
from actors.market.live.dialect import Ask, read_as
from actors.market.live.hub import Hub
from actors.market.live.sequence import BookState
from actors.market.live.symbol import SymbolStream

Fetch = Callable[[Ask], Awaitable[bytes]]

#: How long a late piece may heal a hole by itself, and between two tries.
PATIENCE_SECONDS = 0.3
RETRY_SECONDS = 2.0
WORKERS = 4
#: A whole book that does not come within this time is asked for again.
RESUBSCRIBE_SECONDS = 5.0


class Repairs:
    """Books and tapes that want mending; at most each symbol twice."""

    def __init__(
        self, hub: Hub, fetch: Fetch, resubscribe: Callable[[str], None]
    ) -> None:
        self.books_fetched = 0
        self.trades_fetched = 0
        self._hub = hub
        self._fetch = fetch
        self._resubscribe = resubscribe
        self._due: dict[tuple[str, bool], float] = {}  # (native, book?) -> when
        self._in_hand: set[tuple[str, bool]] = set()
        self._idle = trio.lowlevel.ParkingLot()

    def book(self, native: str) -> None:
        """A symbol's book is not whole."""
        self._add((native, True), PATIENCE_SECONDS)

    def tape(self, native: str) -> None:
        """A symbol misses trades."""
        self._add((native, False), PATIENCE_SECONDS)

    def _add(self, one: tuple[str, bool], seconds: float) -> None:
        if one not in self._due and one not in self._in_hand:
            self._due[one] = trio.current_time() + seconds
            self._idle.unpark()

    async def run(self) -> None:
        """Mend until cancelled."""
        async with trio.open_nursery() as nursery:
            for _ in range(WORKERS):
                nursery.start_soon(self._work)

    async def _work(self) -> None:
        while True:
            if not self._due:
                await self._idle.park()
                continue
            one = min(self._due, key=lambda key: self._due[key])
            at = self._due.pop(one)
            self._in_hand.add(one)
            pause: float | None = PATIENCE_SECONDS  # cancelled: it stays due
            try:
                await trio.sleep_until(at)
                pause = await self._mend(*one)
            finally:
                self._in_hand.discard(one)
                if pause is not None:
                    self._add(one, pause)

    async def _mend(self, native: str, is_book: bool) -> float | None:  # noqa: FBT001 - one of two
        """Try once; the pause before the next try, None: it is whole."""
        symbol = self._hub.symbols[native]
        try:
            if is_book:
                return await self._mend_book(symbol)
            return await self._mend_tape(symbol)
        except ExchangeError as error:
            self._hub.tell("repair_failed", symbol=native, error=str(error))
            return RETRY_SECONDS

    async def _mend_book(self, symbol: SymbolStream) -> float | None:
        keeper = symbol.keeper
        if keeper.state is BookState.WHOLE:
            return None
        ask = self._hub.dialect.rest.ask_depth(symbol.native)
        if ask is None:
            self._resubscribe(symbol.native)
            return RESUBSCRIBE_SECONDS
        body = await self._fetch(ask)
        self.books_fetched += 1
        state = keeper.restart(read_as(self._hub.dialect.rest.read_depth, body))
        symbol.repaired(self._hub.now())
        return None if state is BookState.WHOLE else RETRY_SECONDS

    async def _mend_tape(self, symbol: SymbolStream) -> float | None:
        """Fetch from the first missing id on; what is not there by then is lost."""
        tape = symbol.tape
        if not tape.missing:
            return None
        first, last = min(tape.missing), max(tape.missing)
        rest = self._hub.dialect.rest
        ask = rest.ask_trades(symbol.native, first)
        assert ask is not None, "ids are only missed where they can be asked for"
        trades = read_as(rest.read_trades, await self._fetch(ask))
        wanted = [trade for trade in trades if trade.trade_id in tape.missing]
        self.trades_fetched += len(wanted)
        symbol.late_trades(wanted)
        reached = _newest_id(trades)
        gone = tape.give_up(min(last, reached) if reached else last)
        if gone:
            self._hub.tell("trades_lost", symbol=symbol.native, count=gone)
        symbol.repaired(self._hub.now())
        return PATIENCE_SECONDS if tape.missing else None


def _newest_id(trades: Sequence[object]) -> int:
    return max((int(getattr(one, "trade_id", 0)) for one in trades), default=0)
