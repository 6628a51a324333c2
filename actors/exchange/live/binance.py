"""Asks Binance, spot or USD-M, for orders and fills.

Its own endpoints are used through ccxt's signing, and not ccxt's unified calls: those
round numbers, ask for more than was wanted, and make floats of money.

Binance lists fills by symbol only, and under its own order ids. Asked are the symbols
with orders or positions, those that traded since, and on USD-M those in which the
account paid a commission since (one request names them all). What a person trades that
our rules do not list, a dated contract, is shown among orders and positions and is not
asked about: one refused question would keep back everybody's fills. An order id that is
new to this process is looked up, a conditional order's by the list of those.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from actors.domain.bars import Instrument
from actors.domain.errors import ExchangeError
from actors.domain.ids import is_order
from actors.domain.orders import (
    Fill,
    OpenOrder,
    OrderRequest,
    OrderState,
    OrderUpdate,
)
from actors.exchange.live.binance_words import (
    ALGO_STATES,
    algo_update,
    fill_of,
    open_algo,
    open_order,
    order_fields,
    order_update,
)
from actors.exchange.live.registry import Registry
from actors.exchange.live.symbols import Symbols
from actors.exchange.live.wire import Call, NoSuchOrder, Wire

PAGE = 1_000
PAGES_MAX = 50
LOOK_UPS_MAX = 100
#: Given a start alone, USD-M looks no further than a week from it.
WINDOW_MS = 7 * 86_400_000

Row = Mapping[str, Any]


class Binance:
    """One venue's questions. What is asked is noted in `registry`."""

    def __init__(
        self, wire: Wire, symbols: Symbols, registry: Registry, *, usdm: bool
    ) -> None:
        self.wire, self.symbols, self.registry = wire, symbols, registry
        self.usdm = usdm
        self._private = "fapiPrivate" if usdm else "private"
        self._public = "fapiPublic" if usdm else "public"

    @property
    def apart(self) -> bool:
        """Whether conditional orders have endpoints of their own."""
        return self.usdm

    async def asked(self, name: str, **params: str | int) -> Any:
        """Ask a private endpoint, for example "GetOrder"."""
        return await self.wire.ask(Call(f"{self._private}{name}", **params))

    async def public(self, name: str, **params: str | int) -> Any:
        """Ask a public endpoint."""
        return await self.wire.ask(Call(f"{self._public}{name}", **params))

    async def time(self) -> int:
        """Ask for the exchange's clock."""
        return int((await self.public("GetTime"))["serverTime"])

    async def arm(self, symbol: str, ms: int) -> None:
        """Set a symbol's dead man's switch; 0 disarms it."""
        market_id = self.symbols.id_of(symbol)
        await self.asked("PostCountdownCancelAll", symbol=market_id, countdownTime=ms)

    # --- requests ---------------------------------------------------------------------

    def unwritable(self, _request: OrderRequest, _instrument: Instrument) -> str:
        """Nothing is: numbers go out as they are."""
        return ""

    def placing(self, request: OrderRequest) -> Call:
        """Write the request that places an order."""
        return order_fields(request, self.symbols.id_of(request.symbol), usdm=self.usdm)

    def conditional(self, request: OrderRequest) -> bool:
        """Whether this order is one of those with endpoints of their own."""
        return self.usdm and request.stop_price is not None

    def cancelling(self, symbol: str, client_id: str, *, conditional: bool) -> Call:
        """Write the request that cancels an order."""
        market_id = self.symbols.id_of(symbol)
        if conditional:
            return Call(f"{self._private}DeleteAlgoOrder", clientAlgoId=client_id)
        name = f"{self._private}DeleteOrder"
        return Call(name, symbol=market_id, origClientOrderId=client_id)

    # --- orders -----------------------------------------------------------------------

    async def order(self, symbol: str, client_id: str) -> OrderUpdate | None:
        """Ask for one order by our id; None: both lists say that it is not there."""
        known = self.registry.orders.get(client_id)
        ways = (self._plain, self._algo) if self.usdm else (self._plain,)
        if known is not None and self.usdm:
            ways = (self._algo,) if known.conditional else (self._plain,)
        for way in ways:
            try:
                return await way(symbol, client_id)
            except NoSuchOrder:
                continue
        return None

    async def _plain(self, symbol: str, client_id: str) -> OrderUpdate:
        row = await self.asked(
            "GetOrder",
            symbol=self.symbols.id_of(symbol),
            origClientOrderId=client_id,
        )
        if row["clientOrderId"] != client_id:
            msg = f"asked for order {client_id}, told of {row['clientOrderId']}"
            raise ExchangeError(msg)
        self.registry.note(client_id, symbol, conditional=False)
        self.registry.same(symbol, str(row["orderId"]), client_id)
        return order_update(row, client_id, symbol)

    async def _algo(self, symbol: str, client_id: str) -> OrderUpdate:
        row = await self.asked("GetAlgoOrder", clientAlgoId=client_id)
        if row["clientAlgoId"] != client_id:
            msg = f"asked for order {client_id}, told of {row['clientAlgoId']}"
            raise ExchangeError(msg)
        order = self.registry.note(client_id, symbol, conditional=True)
        order.exchange_id = str(row["algoId"])
        child = None
        if row.get("actualOrderId"):
            became = str(row["actualOrderId"])
            self.registry.same(symbol, became, client_id)
            try:
                child = await self.asked(
                    "GetOrder", symbol=row["symbol"], orderId=became
                )
            except NoSuchOrder as error:
                msg = f"{client_id} became order {became}, which is not shown yet"
                raise ExchangeError(msg) from error
        return algo_update(row, symbol, child)

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Ask for all resting orders of all symbols, conditional ones included."""
        before = list(self.registry.orders)
        rows = await self.asked("GetOpenOrders")
        found = [open_order(row, self.symbols) for row in rows]
        for one in found:
            self._open(one, conditional=False)
        for row in await self.asked("GetOpenAlgoOrders") if self.usdm else ():
            one = open_algo(row, self.symbols)
            self._open(one, conditional=True)
            found.append(one)
        self.registry.standing(before, (one.request.client_id for one in found))
        return tuple(found)

    def _open(self, one: OpenOrder, *, conditional: bool) -> None:
        if self.symbols.knows(one.request.symbol):  # of others nothing can be asked
            self.registry.rests(one, conditional=conditional)

    # --- fills ------------------------------------------------------------------------

    async def fills(self, since_ms: int, now_ms: int) -> tuple[Fill, ...]:
        """Ask for all fills since, oldest first."""
        wanted = self.registry.to_ask(since_ms)
        if self.usdm:
            wanted |= await self._charged(since_ms)
        found: list[Fill] = []
        for symbol in sorted(filter(self.symbols.knows, wanted)):
            rows = await self._trades(symbol, since_ms, now_ms)
            names = await self._names(symbol, {str(row["orderId"]) for row in rows})
            found += [
                fill_of(row, names[str(row["orderId"])], self.symbols) for row in rows
            ]
        found.sort(key=lambda one: (one.ts_ms, one.symbol))
        return tuple(one for one in found if one.ts_ms >= since_ms)

    async def _charged(self, since_ms: int) -> frozenset[str]:
        """Ask in which symbols the account paid for a trade since then."""
        found: set[str] = set()
        start_ms = since_ms
        for _ in range(PAGES_MAX):
            rows = await self.asked(
                "GetIncome", incomeType="COMMISSION", startTime=start_ms, limit=PAGE
            )
            found.update(self.symbols.symbol_of(row["symbol"]) for row in rows)
            if len(rows) < PAGE:
                return frozenset(found)
            start_ms = int(rows[-1]["time"])  # not one more: others may share it
        msg = f"more than {PAGES_MAX} pages of commissions since {since_ms}"
        raise ExchangeError(msg)

    async def _trades(self, symbol: str, since_ms: int, now_ms: int) -> list[Row]:
        """Page through a symbol's trades: by time to the first, then by its id."""
        market_id, rows = self.symbols.id_of(symbol), []
        name = "GetUserTrades" if self.usdm else "GetMyTrades"
        start_ms, place = since_ms, {"startTime": since_ms}
        for _ in range(PAGES_MAX):
            page = await self.asked(name, symbol=market_id, limit=PAGE, **place)
            rows += page
            whole = not self.usdm or start_ms + WINDOW_MS > now_ms
            if len(page) == PAGE or (page and not whole):
                place = {"fromId": int(page[-1]["id"]) + 1}
                start_ms = now_ms  # an id has no window
            elif whole or "fromId" in place:
                return rows
            else:
                start_ms += WINDOW_MS
                place = {"startTime": start_ms}
        msg = f"{symbol}: more than {PAGES_MAX} pages of fills since {since_ms}"
        raise ExchangeError(msg)

    async def _names(self, symbol: str, order_ids: Iterable[str]) -> dict[str, str]:
        """Give the client id of each order, asking for those that are not known."""
        registry, found = self.registry, {}
        missing = [i for i in order_ids if registry.name_of(symbol, i) is None]
        waiting: frozenset[str] = frozenset()
        if missing and self.usdm:
            waiting = await self.learn_children(symbol)
            missing = [i for i in missing if registry.name_of(symbol, i) is None]
        if len(missing) > LOOK_UPS_MAX:
            msg = f"{symbol}: fills of {len(missing)} orders that nobody knows here"
            raise ExchangeError(msg)
        for order_id in missing:
            row = await self.asked(
                "GetOrder", symbol=self.symbols.id_of(symbol), orderId=order_id
            )
            own = str(row["clientOrderId"])
            if row.get("reduceOnly"):
                registry.doubt(own, int(row["time"]), waiting)
            registry.same(symbol, order_id, own)
        for order_id in order_ids:
            name = registry.name_of(symbol, order_id)
            assert name is not None, f"order {order_id} of {symbol} has no name"
            found[order_id] = name
        return found

    async def learn_children(self, symbol: str) -> frozenset[str]:
        """Ask which orders a symbol's conditional orders have become.

        Gives the names of ours that may have become one that is not shown yet.
        """
        waiting = self.registry.waiting(symbol)
        rows = await self.asked(
            "GetAllAlgoOrders", symbol=self.symbols.id_of(symbol), limit=PAGE
        )
        for row in rows:
            name, became = str(row["clientAlgoId"]), str(row.get("actualOrderId") or "")
            if became:
                self.registry.same(symbol, became, name)
            ended = ALGO_STATES.get(str(row["algoStatus"])) is OrderState.CANCELLED
            (waiting.discard if became or ended else waiting.add)(name)
        return frozenset(filter(is_order, waiting))
