"""Asks Binance what the account holds: positions, balance, equity.

On spot a position is what is held of a coin that may be entered, free or locked and
whoever bought it, to the last digit: less than a lot is told too, the book has it as
dust. What it cost is worked out from the account's own trades, which alone the exchange
knows; the balance without unrealised results is the quote currency and the coins at
their cost.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from actors.domain.errors import ExchangeError
from actors.domain.money import ZERO
from actors.domain.orders import ExchangePosition
from actors.exchange.live.binance import PAGE, Binance
from actors.exchange.live.plan import LivePlan
from actors.exchange.live.wire import Call


class Money:
    """The questions about money at one venue."""

    def __init__(self, venue: Binance, plan: LivePlan) -> None:
        self._venue, self._symbols = venue, venue.symbols
        self._plan = plan
        self._first_prices: dict[str, Decimal] = {}  # of what was not bought here
        self._dust: dict[str, ExchangePosition] = {}  # its cost is asked for once

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
        found, traded = [], set[str]()
        for symbol in self._ours():
            instrument = self._symbols.instruments[symbol]
            size = wallet.get(instrument.base, ZERO)
            if not size:
                continue
            held = self._dust.pop(symbol, None)
            if held is None or held.quantity != size:
                held = ExchangePosition(symbol, size, await self._cost(symbol, size))
            found.append(held)
            if size < instrument.lot_size:  # it cannot be sold, nor bought alone
                self._dust[symbol] = held
            else:
                traded.add(symbol)
        self._venue.registry.holds(frozenset(traded))
        return tuple(found)

    def _ours(self) -> list[str]:
        """List what may be entered, and what our books have: no other coin is ours."""
        allowed, known = self._plan.allowed, self._symbols.instruments
        ours = known if allowed is None else allowed | self._plan.touched()
        return sorted(known.keys() & set(ours))

    async def _cost(self, symbol: str, size: Decimal) -> Decimal:
        """Work out what a held coin has cost on average.

        What its newest trades do not tell of was not bought here, or long ago: it has
        cost what it was worth when it was first seen, whatever it is worth now.
        """
        market_id = self._symbols.id_of(symbol)
        rows = await self._venue.asked("GetMyTrades", symbol=market_id, limit=PAGE)
        base = self._symbols.instruments[symbol].base
        known, money = bought(rows, base, size)
        if known < size:
            if symbol not in self._first_prices:
                self._first_prices[symbol] = await self._price(market_id)
            money += (size - known) * self._first_prices[symbol]
        return money / size

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


def bought(
    rows: Iterable[Mapping[str, Any]], base: str, held: Decimal
) -> tuple[Decimal, Decimal]:
    """Say how much of what is held these trades have bought, and what that has cost.

    It is an average, as in our book: what one position leaves as dust the next one
    begins with. A fee in the coin lessens what was bought.
    """
    size = money = ZERO
    for row in rows:
        amount, price = Decimal(row["qty"]), Decimal(row["price"])
        coins = Decimal(row["commission"]) if row["commissionAsset"] == base else ZERO
        if row["isBuyer"]:
            size += amount - coins
            money += (amount - coins) * price
        else:
            size, money = _less(size, money, amount + coins)
    return _less(size, money, max(size - held, ZERO))


def _less(size: Decimal, money: Decimal, gone: Decimal) -> tuple[Decimal, Decimal]:
    left = max(size - gone, ZERO)
    return left, money * left / size if left else ZERO
