"""Asks Binance what the account holds: positions, balance, equity.

On spot a position is what is held of a traded coin, whoever bought it. What it cost is
worked out from the account's own trades, since the exchange does not know it; the
balance without unrealised results is the quote currency and what the coins have cost.
"""

from collections.abc import Mapping
from decimal import Decimal

from actors.domain.errors import ExchangeError
from actors.domain.money import ZERO
from actors.domain.orders import ExchangePosition
from actors.exchange.live.binance import PAGE, Binance
from actors.exchange.live.wire import Call


class Money:
    """The questions about money at one venue."""

    def __init__(self, venue: Binance) -> None:
        self._venue, self._symbols = venue, venue.symbols

    async def positions(self) -> tuple[ExchangePosition, ...]:
        """Ask for all positions; on spot, for what is held of the traded coins."""
        if not self._venue.usdm:
            return await self._coins(await self._wallet())
        found = []
        for row in await self._venue.wire.ask(Call("fapiPrivateV3GetPositionRisk")):
            size = Decimal(row["positionAmt"])
            if row["positionSide"] != "BOTH":
                msg = f"{row['symbol']} is held in hedge mode: switch to one-way mode"
                raise ExchangeError(msg)
            if size:
                symbol = self._symbols.symbol_of(row["symbol"])
                price = Decimal(row["entryPrice"])
                found.append(ExchangePosition(symbol, size, price))
        self._venue.registry.holds(frozenset(one.symbol for one in found))
        return tuple(sorted(found, key=lambda one: one.symbol))

    async def money(self) -> tuple[Decimal, Decimal]:
        """Ask for the balance without, and the equity with, unrealised results."""
        if not self._venue.usdm:
            return await self._spot_money()
        quote = self._symbols.quote
        account = await self._venue.wire.ask(Call("fapiPrivateV3GetAccount"))
        for row in account["assets"]:
            if row["asset"] == quote:
                return Decimal(row["walletBalance"]), Decimal(row["marginBalance"])
        msg = f"the account has no {quote}: move some of it to the futures wallet"
        raise ExchangeError(msg)

    async def _wallet(self) -> dict[str, Decimal]:
        account = await self._venue.asked("GetAccount")
        return {
            row["asset"]: Decimal(row["free"]) + Decimal(row["locked"])
            for row in account["balances"]
        }

    async def _coins(
        self, wallet: Mapping[str, Decimal]
    ) -> tuple[ExchangePosition, ...]:
        found = []
        for symbol, instrument in sorted(self._symbols.instruments.items()):
            size = wallet.get(instrument.base, ZERO)
            if size >= instrument.lot_size:  # less than a lot cannot be sold: dust
                found.append(ExchangePosition(symbol, size, await self._cost(symbol)))
        self._venue.registry.holds(frozenset(one.symbol for one in found))
        return tuple(found)

    async def _cost(self, symbol: str) -> Decimal:
        """Work out what a held coin has cost, from the newest trades backwards flat."""
        market_id = self._symbols.id_of(symbol)
        size = money = ZERO
        for row in await self._venue.asked("GetMyTrades", symbol=market_id, limit=PAGE):
            amount, price = Decimal(row["qty"]), Decimal(row["price"])
            if row["isBuyer"]:
                size, money = size + amount, money + amount * price
            elif size > ZERO:
                left = max(size - amount, ZERO)
                size, money = left, money * left / size
        if size > ZERO:
            return money / size
        return await self._price(market_id)  # it was not bought here

    async def _price(self, market_id: str) -> Decimal:
        row = await self._venue.public("GetTickerPrice", symbol=market_id)
        return Decimal(row["price"])

    async def _spot_money(self) -> tuple[Decimal, Decimal]:
        wallet = await self._wallet()
        balance = equity = wallet.get(self._symbols.quote, ZERO)
        for held in await self._coins(wallet):
            price = await self._price(self._symbols.id_of(held.symbol))
            balance += held.quantity * held.entry_price
            equity += held.quantity * price
        return balance, equity
