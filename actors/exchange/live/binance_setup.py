"""Sees that a Binance account is set up as the engine takes it to be, before it trades.

Whatever is set is read back: an answer "as asked" has set nothing often enough. Until a
symbol's leverage and margin mode are confirmed it takes no entry.
"""

from collections.abc import Mapping
from typing import Any

import trio

from actors.domain.errors import ExchangeError
from actors.exchange.live.binance import Binance
from actors.exchange.live.permissions import Permissions
from actors.exchange.live.plan import Accept, LivePlan, MarginMode
from actors.exchange.live.symbols import check_rules
from actors.exchange.live.wire import Call, CodeError

MARGIN_TYPES = {MarginMode.ISOLATED: "ISOLATED", MarginMode.CROSS: "CROSSED"}
NOTHING_TO_CHANGE = "-4046"
#: So few symbols are set up at the start; with more, each before its first entry.
AT_START_MAX = 5


class Setup:
    """The checks of one venue."""

    def __init__(self, venue: Binance, plan: LivePlan) -> None:
        self._venue, self._plan = venue, plan
        self._confirmed: set[str] = set()  # symbols, and "" for the account's modes
        self._doubts = 0  # a doubt that comes while something is read stays one
        self._one_at_a_time = trio.Lock()

    async def permissions(self) -> Permissions:
        """Ask what the key may do."""
        row = await self._venue.wire.ask(Call("sapiGetAccountApiRestrictions"))
        trades = "enableFutures" if self._venue.usdm else "enableSpotAndMarginTrading"
        return Permissions(
            trade=_flag(row, trades),
            withdraw=_flag(row, "enableWithdrawals"),
            ip_restricted=_flag(row, "ipRestrict"),
        )

    async def prepare(self) -> None:
        """Check rules and modes. Raises ExchangeError with the remedy."""
        await self._rules()
        if not self._venue.usdm:
            return
        await self._modes()
        self._confirmed.add("")
        for row in await self._venue.asked("GetSymbolConfig"):
            if self._fits(row):
                self._confirmed.add(self._venue.symbols.symbol_of(row["symbol"]))
        symbols = sorted(self._venue.symbols.instruments)
        for symbol in symbols if len(symbols) <= AT_START_MAX else ():
            await self.ready(symbol)

    async def _rules(self) -> None:
        symbols, usdm = self._venue.symbols, self._venue.usdm
        told = await self._venue.public("GetExchangeInfo")
        rows = {}
        for row in told["symbols"]:
            if usdm and row.get("contractType") != "PERPETUAL":
                continue
            pair, settle = f"{row['baseAsset']}/{row['quoteAsset']}", ""
            rows[row["baseAsset"], row["quoteAsset"]] = row
            if usdm:
                settle = f":{row.get('marginAsset', row['quoteAsset'])}"
            symbols.learn(row["symbol"], pair + settle)
        for symbol, instrument in symbols.instruments.items():
            row = rows.get((instrument.base, instrument.quote))
            if row is None:
                msg = f"{symbol} is not listed at {self._plan.exchange}"
                raise ExchangeError(msg)
            symbols.learn(row["symbol"], symbol)
            check_rules(row, instrument, "usdm" if usdm else "spot")

    async def _modes(self) -> None:
        account = await self._venue.asked("GetAccountConfig")
        if account.get("multiAssetsMargin") is not False:
            msg = (
                "the account is in multi-assets mode, in which a loss is paid from "
                "other coins: switch it to single-asset mode"
            )
            raise ExchangeError(msg)
        if not await self._hedged():
            return
        if Accept.SWITCH_MODE not in self._plan.accept:
            msg = (
                "the account is in hedge mode, in which an order opens where we mean "
                "to reduce: switch it to one-way mode in the exchange's settings, or "
                f"have it switched with live.accept_{Accept.SWITCH_MODE}"
            )
            raise ExchangeError(msg)
        await self._venue.asked("PostPositionSideDual", dualSidePosition="false")
        if await self._hedged():
            msg = "the account stayed in hedge mode although it was switched"
            raise ExchangeError(msg)

    async def _hedged(self) -> bool:
        mode = await self._venue.asked("GetPositionSideDual")
        return mode["dualSidePosition"] is not False

    # --- leverage and margin ----------------------------------------------------------

    async def ready(self, symbol: str) -> None:
        """Have a symbol's leverage and margin mode set. Raises ExchangeError."""
        if not self._venue.usdm or symbol in self._confirmed:
            return
        async with self._one_at_a_time:
            if symbol not in self._confirmed:
                await self._set(symbol)

    async def _set(self, symbol: str) -> None:
        doubts = self._doubts
        if "" not in self._confirmed:
            await self._modes()
        if not self._fits(await self._read(symbol)):
            await self._change(symbol)
        if doubts == self._doubts:
            self._confirmed |= {"", symbol}

    async def _change(self, symbol: str) -> None:
        venue, plan = self._venue, self._plan
        market_id = venue.symbols.id_of(symbol)
        margin = MARGIN_TYPES[plan.margin_mode]
        try:
            await venue.asked("PostMarginType", symbol=market_id, marginType=margin)
        except CodeError as error:
            if error.code != NOTHING_TO_CHANGE:
                raise
        await venue.asked("PostLeverage", symbol=market_id, leverage=plan.leverage)
        row = await self._read(symbol)
        if not self._fits(row):
            msg = (
                f"{symbol} has leverage {row.get('leverage')}, margin "
                f"{row.get('marginType')} where {plan.leverage} and {margin} were set: "
                "it takes no entry until that reads back"
            )
            raise ExchangeError(msg)

    async def _read(self, symbol: str) -> Mapping[str, Any]:
        market_id = self._venue.symbols.id_of(symbol)
        rows = await self._venue.asked("GetSymbolConfig", symbol=market_id)
        return next((one for one in rows if one["symbol"] == market_id), {})

    def doubt(self, symbol: str) -> None:
        """Take settings as unconfirmed: somebody has changed them, or may have."""
        self._doubts += 1
        if symbol:
            self._confirmed.discard(symbol)
        else:
            self._confirmed.clear()

    def _fits(self, row: Mapping[str, Any]) -> bool:
        margin = MARGIN_TYPES[self._plan.margin_mode]
        return (
            row.get("marginType") == margin
            and str(row.get("leverage")) == str(self._plan.leverage)
            and row.get("isAutoAddMargin", False) in {False, "false"}
        )


def _flag(row: Mapping[str, Any], name: str) -> bool | None:
    found = row.get(name)
    return found if isinstance(found, bool) else None
