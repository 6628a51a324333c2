"""Reads the events of a Binance account's stream as what the engine is told.

The orders that conditional orders become have ids, and may have client ids, of their
own. Those are led back to the client id of our stop, if need be by asking for it before
the message is told: a fill under a stranger's name would halt the symbol.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import trio

from actors.domain.ids import is_order
from actors.domain.money import ZERO
from actors.domain.orders import ExchangeUpdate, Fill, OrderState, OrderUpdate
from actors.exchange.live.binance import Binance
from actors.exchange.live.binance_words import SIDES, reason_of, state_of, trade_name
from actors.exchange.live.symbols import fee_in_coin, fee_in_quote

Event = Mapping[str, Any]

#: An order that a stop has just become is in no list for a moment.
CHILD_TRIES, CHILD_SECONDS = 3, 0.3
FILLED = frozenset({"TRADE", "CALCULATED"})
STOPPED = {
    "CANCELED": OrderState.CANCELLED,
    "REJECTED": OrderState.CANCELLED,
    "EXPIRED": OrderState.CANCELLED,
}


class Events:
    """The reader of one account's events."""

    def __init__(self, venue: Binance) -> None:
        self._venue = venue

    async def updates(self, event: Event) -> list[ExchangeUpdate]:
        """Read one event. Raises ExchangeError, KeyError, ValueError."""
        kind = event["e"]
        if kind == "ORDER_TRADE_UPDATE":
            return await self._order(event["o"], int(event["T"]))
        if kind == "executionReport":
            return await self._order(event, int(event["T"]))
        if kind == "ALGO_UPDATE":
            return self._conditional(event["o"], int(event["T"]))
        return []

    async def _order(self, row: Event, ts_ms: int) -> list[ExchangeUpdate]:
        symbol = self._venue.symbols.symbol_of(str(row["s"]))
        client_id = await self._client_id(row, symbol)
        known = self._venue.registry.orders.get(client_id)
        own_id = known.exchange_id if known is not None else ""
        update = OrderUpdate(
            client_id=client_id,
            exchange_id=own_id or str(row["i"]),
            symbol=symbol,
            state=state_of(str(row["X"])),
            filled_quantity=Decimal(row["z"]),
            reason=reason_of(str(row["X"]), str(row["f"])),
            ts_ms=ts_ms,
        )
        if row["x"] in FILLED and Decimal(row["l"]) > ZERO:
            return [self._fill(row, client_id, symbol), update]
        return [update]

    async def _client_id(self, row: Event, symbol: str) -> str:
        """Say under which name we know an order, whatever name it bears there."""
        registry, order_id = self._venue.registry, str(row["i"])
        name = registry.name_of(symbol, order_id)
        if name is not None:
            return name
        # On spot a cancelled order bears the name of its cancel, and its own in "C".
        own = str((row["x"] == "CANCELED" and row.get("C")) or row["c"])
        strange = own not in registry.orders and not is_order(own)
        if strange and any(registry.conditionals(symbol)):
            await self._find_parent(row, symbol)
        registry.same(symbol, order_id, registry.name_of(symbol, order_id) or own)
        return registry.name_of(symbol, order_id) or own

    async def _find_parent(self, row: Event, symbol: str) -> None:
        """Ask until it is known, or no stop could be it. Raises ExchangeError."""
        for _ in range(CHILD_TRIES):
            waiting = await self._venue.learn_children(symbol)
            found = self._venue.registry.name_of(symbol, str(row["i"]))
            if found is not None or not row.get("R") or not waiting:
                return
            await trio.sleep(CHILD_SECONDS)
        self._venue.registry.doubt(str(row["c"]), int(row["T"]), waiting)

    def _fill(self, row: Event, client_id: str, symbol: str) -> Fill:
        traded, maker = (Decimal(row["l"]), Decimal(row["L"])), bool(row["m"])
        instrument = self._venue.symbols.instruments.get(symbol)
        asset, fee = str(row.get("N") or ""), Decimal(row.get("n") or 0)
        return Fill(
            trade_id=trade_name(row["s"], row["t"], buyer=row["S"] == "BUY"),
            client_id=client_id,
            symbol=symbol,
            side=SIDES[row["S"]],
            quantity=traded[0],
            price=traded[1],
            fee=fee_in_quote(asset, fee, traded, instrument, maker=maker),
            maker=maker,
            ts_ms=int(row["T"]),
            coin_fee=fee_in_coin(asset, fee, instrument),
        )

    def _conditional(self, row: Event, ts_ms: int) -> list[ExchangeUpdate]:
        """Read a conditional order; once triggered, what it became tells the rest."""
        symbol = self._venue.symbols.symbol_of(str(row["s"]))
        if not self._venue.symbols.knows(symbol):
            return []  # a person's, of which nothing can be asked
        client_id, status = str(row["caid"]), str(row["X"])
        registry = self._venue.registry
        order = registry.note(client_id, symbol, conditional=True)
        order.exchange_id = str(row["aid"])
        if row.get("ai"):
            registry.same(symbol, str(row["ai"]), client_id)
        state = OrderState.OPEN if status == "NEW" else STOPPED.get(status)
        if state is None:
            return []
        reason, why = reason_of(status), str(row.get("rm") or "")
        text = f"{reason}: {why}" if why else reason
        aid = order.exchange_id
        return [OrderUpdate(client_id, aid, symbol, state, ZERO, text, ts_ms)]
