"""The traded symbols by the exchange's names, and the rules that both must share."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from actors.domain.bars import Instrument
from actors.domain.errors import ExchangeError
from actors.domain.money import ZERO, bps_of


class Symbols:
    """Leads from the engine's symbols to the exchange's and back."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.instruments = {one.symbol: one for one in instruments}
        quotes = {one.quote for one in self.instruments.values()}
        if len(quotes) != 1:
            listed = ", ".join(sorted(quotes)) or "no instrument"
            msg = f"one account is traded in one quote currency, not in {listed}"
            raise ExchangeError(msg)
        self.quote = quotes.pop()
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def learn(self, market_id: str, symbol: str) -> None:
        """Learn the exchange's name of a symbol."""
        self._ids[symbol] = market_id
        self._names[market_id] = symbol

    def knows(self, symbol: str) -> bool:
        """Whether it has been learned, so that it can be asked about."""
        return symbol in self._ids

    def id_of(self, symbol: str) -> str:
        """Give the exchange's name. Raises ExchangeError."""
        found = self._ids.get(symbol)
        if found is None:
            msg = f"{symbol} is not traded here: the exchange's rules do not list it"
            raise ExchangeError(msg)
        return found

    def symbol_of(self, market_id: str) -> str:
        """Give our name; the exchange's own for what it has listed since the start."""
        return self._names.get(market_id, market_id)


def fee_in_quote(
    asset: str,
    fee: Decimal,
    traded: tuple[Decimal, Decimal],
    instrument: Instrument | None,
    *,
    maker: bool,
) -> Decimal:
    """Give a fee in quote currency; `traded` is quantity and price.

    A fee in a third coin (BNB) is booked at the instrument's full rate: what it would
    be without that coin's discount, so never less than it was worth, and no price that
    might be stale is needed.
    """
    quantity, price = traded
    if instrument is None or asset in {instrument.quote, ""}:
        return fee
    if asset == instrument.base:
        return fee * price
    rate = instrument.maker_fee_bps if maker else instrument.taker_fee_bps
    return bps_of(quantity * price, rate)


def fee_in_coin(asset: str, fee: Decimal, instrument: Instrument | None) -> Decimal:
    """Give what of a fee was taken from the traded coin: spot does, futures never."""
    if instrument is None or instrument.shortable or asset != instrument.base:
        return ZERO
    return fee


def check_rules(row: Mapping[str, Any], instrument: Instrument, market: str) -> None:
    """Compare a row of exchangeInfo with our instrument. Raises ExchangeError."""
    filters = {one["filterType"]: one for one in row["filters"]}
    lot, price = filters["LOT_SIZE"], filters["PRICE_FILTER"]
    money = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    least = money.get("minNotional") or money.get("notional") or "0"
    theirs = {
        "tick size": (Decimal(price["tickSize"]), instrument.tick_size),
        "lot size": (Decimal(lot["stepSize"]), instrument.lot_size),
    }
    wrong = [
        f"{name} {theirs_is} there, {ours} here"
        for name, (theirs_is, ours) in theirs.items()
        if not ours or ours % theirs_is
    ]
    if Decimal(least) > instrument.notional_min:
        wrong.append(f"least notional {least} there, {instrument.notional_min} here")
    if row["status"] != "TRADING":
        wrong.append(f"status {row['status']}")
    if market == "spot" and "STOP_LOSS" not in row["orderTypes"]:
        wrong.append("no stop may rest there: STOP_LOSS is none of its order types")
    if market == "usdm":
        if row.get("contractType") != "PERPETUAL":
            wrong.append(f"{row.get('contractType')} is no perpetual")
        if row.get("marginAsset") != instrument.quote:
            wrong.append(f"margin in {row.get('marginAsset')}, not {instrument.quote}")
    if wrong:
        msg = f"{instrument.symbol} cannot be traded by our rules: {'; '.join(wrong)}"
        raise ExchangeError(msg)
