"""Binance's public REST: whole books, missed trades, candles, symbols, the clock."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.bars import Instrument
from actors.market.instruments import MAKER_FEE_BPS, TAKER_FEE_BPS
from actors.market.live.dialect import Ask, Listed, minutes_in
from actors.market.live.wire import Candle, DepthUpdate, Level, Trade, lax

DEPTH_LEVELS = 500


class AggTrade(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "trade_id": "a",
        "price": "p",
        "size": "q",
        "ts_ms": "T",
        "taker_sold": "m",
    },
):
    """Trades of one taker at one price; `m`: the buyer was the maker."""

    trade_id: int
    price: float
    size: float
    ts_ms: int
    taker_sold: bool


class Snapshot(msgspec.Struct):
    """A whole book by REST."""

    lastUpdateId: int  # noqa: N815 - Binance's name
    bids: list[Level]
    asks: list[Level]
    E: int = 0


class Filter(msgspec.Struct, rename="camel"):
    """One of a symbol's rules; each kind has some of the fields."""

    filter_type: str
    tick_size: Decimal | None = None
    step_size: Decimal | None = None
    min_qty: Decimal | None = None
    min_notional: Decimal | None = None
    notional: Decimal | None = None


class SymbolRow(msgspec.Struct, rename="camel"):
    """A symbol of exchangeInfo."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[Filter]
    contract_type: str | None = None
    margin_asset: str | None = None


class ExchangeInfo(msgspec.Struct):
    """The part of exchangeInfo that is read."""

    symbols: list[SymbolRow]


class ServerTime(msgspec.Struct, rename="camel"):
    """The clock."""

    server_time: int


_snapshot, _info, _time = map(lax, (Snapshot, ExchangeInfo, ServerTime))
_rows, _agg_trades = lax(list[list[Any]]), lax(list[AggTrade])


class BinanceRest:
    """The REST of one market; `api` is the root of its paths."""

    candles_per_ask = 1_000

    def __init__(self, api: str) -> None:
        self._api = api
        self._futures = api.startswith("/fapi")

    def check(self, _body: bytes) -> None:
        """Nothing to be seen: an error has a status of its own."""

    def ask_depth(self, native: str) -> Ask | None:
        """Five hundred levels a side: 25 weight on spot, 10 on futures."""
        query = {"symbol": native, "limit": str(DEPTH_LEVELS)}
        return Ask(f"{self._api}/depth", query, 10 if self._futures else 25)

    def read_depth(self, body: bytes) -> DepthUpdate:
        """Read a snapshot."""
        found: Snapshot = _snapshot(body)
        last = found.lastUpdateId
        return DepthUpdate(
            None, last, None, found.bids, found.asks, found.E, is_snapshot=True
        )

    def ask_trades(self, native: str, first_id: int) -> Ask | None:
        """Up to a thousand trades from an id on."""
        query = {"symbol": native, "fromId": str(first_id), "limit": "1000"}
        return Ask(f"{self._api}/aggTrades", query, 20 if self._futures else 4)

    def read_trades(self, body: bytes) -> Sequence[Trade]:
        """Read trades."""
        found: list[AggTrade] = _agg_trades(body)
        return found

    def ask_candles(self, native: str, start_ms: int, end_ms: int, _now_ms: int) -> Ask:
        """Candles of a span; the weight on futures grows with the count."""
        count = minutes_in(start_ms, end_ms)
        query = {
            "symbol": native,
            "interval": "1m",
            "startTime": str(start_ms),
            "endTime": str(end_ms),
            "limit": str(min(count, 1000)),
        }
        weight = 2
        if self._futures:
            weight = next(
                w for most, w in ((99, 1), (499, 2), (10**9, 5)) if count <= most
            )
        return Ask(f"{self._api}/klines", query, weight)

    def read_candles(self, body: bytes) -> Sequence[Candle]:
        """Read candles; the newest may still be open: the caller has the clock."""
        return [
            Candle(
                row[0],
                float(row[1]),
                float(row[2]),
                float(row[3]),
                float(row[4]),
                float(row[5]),
                closed=True,
                ts_ms=row[6],
                trades=row[8],
            )
            for row in _rows(body)
        ]

    def ask_listed(self) -> tuple[Ask, ...]:
        """One list has everything."""
        return (Ask(f"{self._api}/exchangeInfo", {}, 20),)

    def read_listed(self, body: bytes) -> Sequence[Listed]:
        """Spot pairs, or perpetuals that are margined in their quote currency."""
        found: ExchangeInfo = _info(body)
        return [
            Listed(row.symbol, self._instrument(row))
            for row in found.symbols
            if row.status == "TRADING"
            and row.contract_type in {None, "PERPETUAL"}
            and row.margin_asset in {None, row.quote_asset}
        ]

    def _instrument(self, row: SymbolRow) -> Instrument:
        rules = {one.filter_type: one for one in row.filters}
        lot, price = rules.get("LOT_SIZE"), rules.get("PRICE_FILTER")
        notional = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL")
        least = notional and (notional.min_notional or notional.notional)
        step = (lot and lot.step_size) or Decimal(1)
        settle = f":{row.margin_asset}" if row.margin_asset else ""
        return Instrument(
            symbol=f"{row.base_asset}/{row.quote_asset}{settle}",
            base=row.base_asset,
            quote=row.quote_asset,
            tick_size=(
                (price and price.tick_size) or Decimal("0.00000001")
            ).normalize(),
            lot_size=step.normalize(),
            quantity_min=((lot and lot.min_qty) or step).normalize(),
            notional_min=least or Decimal(5),
            shortable=bool(settle),
            maker_fee_bps=MAKER_FEE_BPS,
            taker_fee_bps=TAKER_FEE_BPS,
        )

    def ask_time(self) -> Ask:
        """The clock."""
        return Ask(f"{self._api}/time", {}, 1)

    def read_time(self, body: bytes) -> int:
        """Read the clock."""
        found: ServerTime = _time(body)
        return found.server_time
