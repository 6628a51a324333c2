"""Asks by ccxt's unified calls, and takes an answer only if it is a whole one."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from actors.domain.errors import ExchangeError
from actors.exchange.live.capabilities import Row
from actors.exchange.live.plan import LivePlan
from actors.exchange.live.registry import Registry
from actors.exchange.live.symbols import Symbols
from actors.exchange.live.unified_words import WORDS
from actors.exchange.live.wire import Call, Wire

PAGES_MAX = 50


class Asking:
    """The questions of one venue, and its markets."""

    def __init__(
        self, wire: Wire, chosen: tuple[LivePlan, Row], symbols: Symbols
    ) -> None:
        self.wire, self.symbols = wire, symbols
        self.plan, self._row = chosen
        self.registry = Registry(self.plan.now_ms, self.plan.touched)
        self.words = WORDS[self._row.port.name]
        self._exchange = wire.exchange

    async def asked(self, method: str, *args: Any, **params: Any) -> Any:
        """Have a unified call answered by something whole."""
        call = Call(method, *args, **params)
        return (await self.wire.ask_unified(call, self.words.whole))[0]

    async def pages(self, page: int, method: str, *args: Any, **params: Any) -> Any:
        """Go through all pages of a list."""
        rows: list[Any] = []
        more: dict[str, Any] | None = {}
        for _ in range(PAGES_MAX):
            call = Call(method, *args, **params, **(more or {}))
            found, body = await self.wire.ask_unified(call, self.words.listed)
            rows += [self.named(row) for row in found]
            more = self.words.next_page(body, page)
            if more is None:
                return rows
        msg = f"{method}: more than {PAGES_MAX} pages"
        raise ExchangeError(msg)

    async def time(self) -> int:
        """Ask for the exchange's clock."""
        return int(await self.asked("fetch_time"))

    def market(self, symbol: str) -> Mapping[str, Any]:
        """Give ccxt's market of a symbol. Raises ExchangeError."""
        found = (self._exchange.markets or {}).get(symbol)
        if not isinstance(found, dict):
            msg = f"{symbol} is not listed at {self.plan.exchange}"
            raise ExchangeError(msg)
        return found

    def size(self, symbol: str) -> Decimal:
        """Give the size of a contract in base currency."""
        return Decimal(str(self.market(symbol)["contractSize"]))

    def named(self, row: Any) -> Any:
        """Give a row its symbol: where it has no market, ccxt leaves its bare name."""
        if row["symbol"] not in self._exchange.markets:
            row["symbol"] = self.symbols.symbol_of(str(row["symbol"]))
        return row
