"""Asks an exchange for orders and fills by ccxt's unified calls.

For exchanges of which no endpoint is written out here. An order is still one request,
whose own answer is judged by the table of outcomes, not by what ccxt makes of it. What
ccxt would round is refused before it is sent, and a list is taken only from an answer
that has one: ccxt makes an empty list of much that is none.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from actors.domain.bars import Instrument
from actors.domain.errors import ExchangeError
from actors.domain.orders import (
    Fill,
    OpenOrder,
    OrderKind,
    OrderRequest,
    OrderUpdate,
    Side,
)
from actors.exchange.live.unified_asking import Asking
from actors.exchange.live.unified_read import (
    ENDED,
    fill_of,
    name_of,
    open_order_of,
    update_of,
)
from actors.exchange.live.unified_words import Look
from actors.exchange.live.wire import Call, NoSuchOrder

LOOK_UPS_MAX = 100
DAY_MS = 86_400_000
#: Of an earlier time no exchange here is sure to list fills; it lists a week at once.
HISTORY_MS, WINDOW_MS = 90 * DAY_MS, 7 * DAY_MS - 1


class Unified(Asking):
    """One venue's questions. What is asked is noted in `registry`."""

    @property
    def apart(self) -> bool:
        """Whether conditional orders have endpoints of their own."""
        return self.words.apart

    # --- requests ---------------------------------------------------------------------

    def unwritable(self, request: OrderRequest, _instrument: Instrument) -> str:
        """Say what ccxt would write otherwise than it is, or ""."""
        contracts = request.quantity / self.size(request.symbol)
        numbers = (
            ("quantity", contracts, self._exchange.amount_to_precision),
            ("limit price", request.limit_price, self._exchange.price_to_precision),
            ("stop price", request.stop_price, self._exchange.price_to_precision),
        )
        for name, value, written in numbers:
            if value is None:
                continue
            try:
                becomes = Decimal(written(request.symbol, f"{value:f}"))
            except Exception as error:  # noqa: BLE001 - ccxt refuses what is below a step
                return f"{name} {value:f} of {request.symbol}: {error}"
            if becomes != value:
                return f"{name} {value:f} of {request.symbol} would become {becomes}"
        return ""

    def placing(self, request: OrderRequest) -> Call:
        """Write the request that places an order."""
        words, params = self.words, dict(self.words.order)
        stop = request.kind is OrderKind.STOP_MARKET
        written = self._row.written(request.client_id)
        params[words.stop_name if stop else words.name] = written
        if words.own_margin:
            params["marginMode"] = self.plan.margin_mode.value
        if request.reduce_only:
            params["reduceOnly"] = True
        if stop:
            params |= {"stopLossPrice": f"{request.stop_price:f}", **words.stop}
        elif request.kind is OrderKind.MARKET and request.limit_price is not None:
            params["timeInForce"] = "IOC"
        elif request.post_only:
            params["postOnly"] = True
        elif request.expires_ms is not None and words.good_till:
            ends_ms = request.expires_ms // 1_000 * 1_000
            params |= {"timeInForce": "GTD", "goodTillDate": ends_ms}
        price = request.limit_price
        return Call(
            "create_order",
            request.symbol,
            "market" if price is None else "limit",
            "buy" if request.side is Side.LONG else "sell",
            f"{request.quantity / self.size(request.symbol):f}",
            None if price is None else f"{price:f}",
            **params,
        )

    def conditional(self, request: OrderRequest) -> bool:
        """Whether this order is one of those with endpoints of their own."""
        return self.apart and request.stop_price is not None

    def cancelling(self, symbol: str, client_id: str, *, conditional: bool) -> Call:
        """Write the request that cancels an order."""
        order_id, params = self._naming(client_id, conditional=conditional)
        return Call("cancel_order", order_id, symbol, **params)

    def _naming(
        self, client_id: str, *, conditional: bool
    ) -> tuple[str | None, dict[str, Any]]:
        """Say which order is meant: by its own id, if a person gave it no other."""
        known = self.registry.orders.get(client_id)
        params = dict(self.words.trigger) if conditional else {}
        if known is not None and known.exchange_id == client_id:
            return client_id, params
        return None, params | {self.words.name: self._row.written(client_id)}

    # --- orders -----------------------------------------------------------------------

    async def order(self, symbol: str, client_id: str) -> OrderUpdate | None:
        """Ask for one order by our id; None: every list says that it is not there."""
        known = self.registry.orders.get(client_id)
        kinds = (False, True) if self.apart else (False,)
        if known is not None and self.apart:
            kinds = (known.conditional,)
        for conditional in kinds:
            for look in self.words.looks:
                row = await self._look(look, symbol, client_id, conditional=conditional)
                if row is not None:
                    return await self._word(row, symbol, client_id, conditional)
        return None

    async def _look(
        self, look: Look, symbol: str, client_id: str, *, conditional: bool
    ) -> Any:
        order_id, params = self._naming(client_id, conditional=conditional)
        if not look.list:
            try:
                return await self.asked(look.method, order_id, symbol, **params)
            except NoSuchOrder:
                return None
        if order_id is not None:
            params[self.words.id] = order_id
        call = Call(look.method, symbol, None, None, **params, **look.more)
        rows, _ = await self.wire.ask_unified(call, self.words.listed)
        if len(rows) > 1:
            msg = f"asked for order {client_id}, told of {len(rows)}"
            raise ExchangeError(msg)
        return rows[0] if rows else None

    async def _word(
        self,
        row: Any,
        symbol: str,
        client_id: str,
        conditional: bool,  # noqa: FBT001 - passed on
    ) -> OrderUpdate:
        found, own_id = self._row.read(name_of(row)) or str(row["id"]), str(row["id"])
        if found != client_id:
            msg = f"asked for order {client_id}, told of {found}"
            raise ExchangeError(msg)
        order = self.registry.note(client_id, symbol, conditional=conditional)
        order.exchange_id = own_id
        became = self.words.child(row["info"]) if conditional else ""
        if not conditional:
            self.registry.same(symbol, own_id, client_id)
        elif became:
            self.registry.same(symbol, became, client_id)
            try:
                row = await self.asked("fetch_order", became, symbol)
            except NoSuchOrder as error:
                msg = f"{client_id} became order {became}, which is not shown yet"
                raise ExchangeError(msg) from error
        elif row["status"] == "closed":
            msg = f"conditional order {client_id} has ended without an order"
            raise ExchangeError(msg)
        return update_of(row, (client_id, own_id, symbol), self.size(symbol))

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Ask for all resting orders of all symbols, conditional ones included."""
        before, found = list(self.registry.orders), []
        for params in self.words.resting:
            conditional = self.apart and "trigger" in params
            rows = await self.pages(
                self.words.page, "fetch_open_orders", None, None, None, **params
            )
            for row in rows:
                name = self._row.read(name_of(row)) or str(row["id"])
                one = open_order_of(row, name, self.size(row["symbol"]))
                self.registry.rests(one, conditional=conditional)
                found.append(one)
        self.registry.standing(before, (one.request.client_id for one in found))
        return tuple(found)

    # --- fills ------------------------------------------------------------------------

    async def fills(self, since_ms: int, now_ms: int) -> tuple[Fill, ...]:
        """Ask for all fills since, oldest first."""
        if since_ms < now_ms - HISTORY_MS:
            msg = f"fills since {since_ms}: no exchange lists more than 90 days"
            raise ExchangeError(msg)
        symbols: Iterable[str | None] = (None,)
        if not self.words.every_symbol:
            touched = self.registry.to_ask(since_ms)
            symbols = sorted(touched.union(self.symbols.instruments))
        rows: dict[tuple[str, str, str], Any] = {}
        for symbol in symbols:
            start_ms = since_ms
            while start_ms <= now_ms:
                end_ms = min(start_ms + WINDOW_MS, now_ms)
                for row in await self._trades(symbol, start_ms, end_ms):
                    rows[row["symbol"], row["id"], row["side"]] = row
                start_ms = end_ms + 1
        found = [await self._fill(row) for row in rows.values()]
        found.sort(key=lambda one: (one.ts_ms, one.symbol))
        return tuple(one for one in found if one.ts_ms >= since_ms)

    async def _trades(self, symbol: str | None, start_ms: int, end_ms: int) -> Any:
        page = self.words.fills_page
        more = {**self.words.fills, "until": end_ms}
        return await self.pages(page, "fetch_my_trades", symbol, start_ms, page, **more)

    async def _fill(self, row: Any) -> Fill:
        symbol, order_id = str(row["symbol"]), str(row["order"])
        name = self.registry.name_of(symbol, order_id)
        if name is None:
            name = self._row.read(name_of(row)) or await self._learn(symbol, order_id)
            self.registry.same(symbol, order_id, name)
        market = str(self.market(symbol)["id"]), self.size(symbol)
        return fill_of(row, name, market, self.symbols)

    async def _learn(self, symbol: str, order_id: str) -> str:
        """Ask whose an order is, which is known by the exchange's id only."""
        waiting = await self._learn_children(symbol) if self.words.children else set()
        known = self.registry.name_of(symbol, order_id)
        if known is not None:
            return known
        if self.words.looks[0].list:
            return order_id  # each of its fills has its client id: it was given none
        row = await self.asked("fetch_order", order_id, symbol)
        name = self._row.read(name_of(row)) or order_id
        if row["reduceOnly"]:
            self.registry.doubt(name, int(row["timestamp"]), waiting)
        return name

    async def _learn_children(self, symbol: str) -> set[str]:
        """Ask what a symbol's stops have become; give those that show it not yet."""
        waiting, asked = self.registry.waiting(symbol), (symbol, None, 1_000)
        page = self.words.page
        for row in await self.pages(page, "fetch_orders", *asked, trigger=True):
            name, became = self._row.read(name_of(row)), self.words.child(row["info"])
            if became:
                self.registry.same(symbol, became, name)
            over = became or row["status"] in ENDED
            (waiting.discard if over else waiting.add)(name)
        return waiting
