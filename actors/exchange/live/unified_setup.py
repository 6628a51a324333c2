"""Sees that an account asked by unified calls is set up as the engine takes it to be.

Whatever is set is read back, and what cannot be asked for here refuses the account:
nothing is taken to be as it should.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import trio

from actors.domain.bars import Instrument
from actors.domain.errors import ExchangeError
from actors.domain.orders import ExchangePosition
from actors.exchange.live.permissions import Permissions
from actors.exchange.live.plan import Accept, LivePlan
from actors.exchange.live.unified import Unified
from actors.exchange.live.unified_account import READERS, money_of
from actors.exchange.live.unified_read import exact
from actors.exchange.live.wire import Call, CodeError

#: So few symbols are set up at the start; with more, each before its first entry.
AT_START_MAX = 5
POSITIONS_MAX = 200
#: The bell does not tell that somebody has changed a symbol's leverage.
CONFIRMED_MS = 600_000
#: What must be there of ccxt's unified calls: `has` of the exchange.
NEEDED = (
    "createOrder",
    "cancelOrder",
    "fetchOpenOrders",
    "fetchMyTrades",
    "fetchPositions",
    "fetchBalance",
    "fetchLeverage",
    "setLeverage",
    "fetchTime",
)


class UnifiedSetup:
    """The checks of one venue."""

    def __init__(self, venue: Unified, plan: LivePlan, name: str) -> None:
        self._venue, self._plan, self._reader = venue, plan, READERS[name]
        self._exchange = venue.wire.exchange
        self._confirmed: dict[str, int] = {}  # symbol: when, ms
        self._one_at_a_time = trio.Lock()

    async def permissions(self) -> Permissions:
        """Ask what the key may do."""
        return self._reader.permissions(await self._own(self._reader.key))

    async def prepare(self) -> None:
        """Check rules and modes. Raises ExchangeError with the remedy."""
        missing = [one for one in NEEDED if not self._exchange.has.get(one)]
        if missing:
            msg = (
                f"{self._plan.exchange}: {', '.join(missing)} cannot be asked for "
                "here, so what is open would not be known: trade elsewhere"
            )
            raise ExchangeError(msg)
        await self._rules()
        if self._reader.account:
            body = await self._own(self._reader.account)
            wrong = self._reader.wrong(body, self._plan.margin_mode)
            if wrong:
                msg = f"the account cannot be traded: {wrong}"
                raise ExchangeError(msg)
        if self._reader.mode:
            await self._mode()
        symbols = sorted(self._venue.symbols.instruments)
        for symbol in symbols if len(symbols) <= AT_START_MAX else ():
            await self.ready(symbol)

    async def _own(self, method: str) -> Any:
        call = Call(method)
        return (await self._venue.wire.ask_unified(call, self._venue.words.whole))[1]

    async def _rules(self) -> None:
        exchange, symbols = self._exchange, self._venue.symbols
        # Currencies are of no use here, and not every key may ask for them.
        exchange.has["fetchCurrencies"] = False
        exchange.options["defaultSettle"] = symbols.quote
        if not exchange.markets:
            await self._venue.asked("load_markets", False)
        # What ccxt does not know of a bybit account it asks before each order.
        bybit = hasattr(exchange, "is_unified_enabled")
        if bybit and exchange.options.get("enableUnifiedAccount") is None:
            await self._venue.asked("is_unified_enabled")
        exchange.number = str  # from here on: its markets are compared as numbers
        for symbol, instrument in symbols.instruments.items():
            market = self._venue.market(symbol)
            check_market(market, instrument)
        for symbol, market in exchange.markets.items():
            symbols.learn(str(market["id"]), symbol)

    async def _mode(self) -> None:
        if not await self._hedged():
            return
        if Accept.SWITCH_MODE not in self._plan.accept:
            msg = (
                "the account is in hedge mode, in which an order opens where we mean "
                "to reduce: switch it to one-way mode in the exchange's settings, or "
                f"accept {Accept.SWITCH_MODE!r} and nothing being open"
            )
            raise ExchangeError(msg)
        await self._venue.asked("set_position_mode", False, None)
        if await self._hedged():
            msg = "the account stayed in hedge mode although it was switched"
            raise ExchangeError(msg)

    async def _hedged(self) -> bool:
        mode = await self._venue.asked("fetch_position_mode", None)
        return mode["hedged"] is not False

    # --- leverage and margin ----------------------------------------------------------

    async def ready(self, symbol: str) -> None:
        """Have a symbol's leverage and margin mode set. Raises ExchangeError."""
        if not self._doubtful(symbol):
            return
        async with self._one_at_a_time:
            if self._doubtful(symbol):
                await self._set(symbol)

    def _doubtful(self, symbol: str) -> bool:
        at_ms = self._confirmed.get(symbol)
        return at_ms is None or self._plan.now_ms() - at_ms > CONFIRMED_MS

    async def _set(self, symbol: str) -> None:
        plan, mode = self._plan, self._plan.margin_mode.value
        own = {"marginMode": mode} if self._venue.words.own_margin else {}
        if not self._reader.mode:
            await self._one_way(symbol)
        if self._reader.symbol_margin:
            await self._unless_so("set_margin_mode", mode, symbol)
        await self._unless_so("set_leverage", plan.leverage, symbol, **own)
        found = await self._venue.asked("fetch_leverage", symbol, **own)
        sides = {str(found[f"{side}Leverage"]) for side in ("long", "short")}
        margin = found["marginMode"]
        apart = self._reader.symbol_margin or bool(own)
        if sides != {str(plan.leverage)} or (apart and margin != mode):
            msg = (
                f"{symbol} has leverage {', '.join(sorted(sides))}, margin {margin} "
                f"where {plan.leverage} and {mode} were set: it takes no entry until "
                "that reads back"
            )
            raise ExchangeError(msg)
        self._confirmed[symbol] = self._plan.now_ms()

    async def _one_way(self, symbol: str) -> None:
        """See by its position that a symbol is in one-way mode."""
        call = Call("fetch_positions", [symbol])
        rows, _ = await self._venue.wire.ask_unified(call, self._venue.words.listed)
        if len(rows) != 1 or rows[0]["hedged"] is not False:
            msg = (
                f"{symbol} is not seen to be in one-way mode, and in hedge mode an "
                "order opens where we mean to reduce: switch it in the exchange's "
                "settings"
            )
            raise ExchangeError(msg)

    async def _unless_so(self, method: str, *args: Any, **params: Any) -> None:
        try:
            await self._venue.asked(method, *args, **params)
        except CodeError as error:
            if error.code not in self._venue.words.same:
                raise

    def doubt(self, symbol: str) -> None:
        """Take a symbol's settings as unconfirmed: somebody has changed them."""
        if symbol:
            self._confirmed.pop(symbol, None)
        else:
            self._confirmed.clear()


class UnifiedMoney:
    """The questions about money at one venue."""

    def __init__(self, venue: Unified, name: str) -> None:
        self._venue, self._name = venue, name

    async def positions(self) -> tuple[ExchangePosition, ...]:
        """Ask for all positions."""
        venue, found = self._venue, []
        call = Call("fetch_positions", None)
        rows, _ = await venue.wire.ask_unified(call, venue.words.listed)
        if len(rows) >= POSITIONS_MAX:
            msg = f"{len(rows)} positions at once: there may be more"
            raise ExchangeError(msg)
        for row in rows:
            symbol = str(venue.named(row)["symbol"])
            size = exact(row["contracts"]) * venue.size(symbol)
            if not size:
                continue
            if row["hedged"]:
                msg = f"{symbol} is held in hedge mode: switch to one-way mode"
                raise ExchangeError(msg)
            signed = {"long": size, "short": -size}[row["side"]]
            found.append(ExchangePosition(symbol, signed, exact(row["entryPrice"])))
        venue.registry.holds(frozenset(one.symbol for one in found))
        return tuple(sorted(found, key=lambda one: one.symbol))

    async def money(self) -> tuple[Decimal, Decimal]:
        """Ask for the balance without, and the equity with, unrealised results."""
        found = await self._venue.asked("fetch_balance")
        return money_of(self._name, found["info"], self._venue.symbols.quote)


def check_market(market: Mapping[str, Any], instrument: Instrument) -> None:
    """Compare ccxt's market with our instrument. Raises ExchangeError."""
    size = exact(market.get("contractSize"))
    theirs = {
        "tick size": (exact(market["precision"]["price"]), instrument.tick_size),
        "lot size": (exact(market["precision"]["amount"]) * size, instrument.lot_size),
    }
    wrong = [
        f"{name} {theirs_is} there, {ours} here"
        for name, (theirs_is, ours) in theirs.items()
        if not theirs_is or not ours or ours % theirs_is
    ]
    least = exact(market["limits"]["cost"]["min"])
    if least > instrument.notional_min:
        wrong.append(f"least notional {least} there, {instrument.notional_min} here")
    amount = exact(market["limits"]["amount"]["min"]) * size
    if amount > instrument.quantity_min:
        wrong.append(f"least quantity {amount} there, {instrument.quantity_min} here")
    if market["active"] is not True:
        wrong.append("it is not active")
    if not (market["swap"] and market["linear"]):
        wrong.append("it is no linear perpetual")
    if market["settle"] != instrument.quote:
        wrong.append(f"margin in {market['settle']}, not {instrument.quote}")
    if wrong:
        msg = f"{instrument.symbol} cannot be traded by our rules: {'; '.join(wrong)}"
        raise ExchangeError(msg)
