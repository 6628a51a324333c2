"""Bybit's public REST: candles, symbols, the clock."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.bars import Instrument
from actors.market.instruments import MAKER_FEE_BPS, NOTIONAL_MIN, TAKER_FEE_BPS
from actors.market.live.codes import BYBIT, CodeError
from actors.market.live.dialect import Ask, Listed, minutes_in
from actors.market.live.wire import Candle, DepthUpdate, Level, Trade, lax


class Result(msgspec.Struct):
    """The part of a REST result that is read."""

    rows: list[Any] = msgspec.field(default_factory=list, name="list")
    b: list[Level] = []
    a: list[Level] = []
    u: int = 0
    ts: int = 0


class Body(msgspec.Struct, rename="camel"):
    """A REST answer."""

    result: Result
    time: int = 0


class Said(msgspec.Struct, rename="camel"):
    """What every REST answer says of itself; an error comes with HTTP 200."""

    ret_code: int = 0
    ret_msg: str = ""


_body, _said = lax(Body), lax(Said)


class BybitRest:
    """The REST of one category."""

    candles_per_ask = 1_000

    def __init__(self, category: str) -> None:
        self._category = category

    def check(self, body: bytes) -> None:
        """Raise CodeError when the exchange answered an error."""
        said: Said = _said(body)
        if said.ret_code:
            name = f"bybit ({self._category})"
            raise CodeError(name, said.ret_code, said.ret_msg, BYBIT)

    def _read(self, body: bytes) -> Body:
        self.check(body)
        found: Body = _body(body)
        return found

    def ask_depth(self, _native: str) -> Ask | None:
        """Subscribing anew brings the book."""
        return None

    def read_depth(self, body: bytes) -> DepthUpdate:
        """Read a book; its numbers are those of the deepest stream only."""
        found = self._read(body).result
        return DepthUpdate(
            None, found.u, None, found.b, found.a, found.ts, is_snapshot=True
        )

    def ask_trades(self, _native: str, _first_id: int) -> Ask | None:
        """Ids are not numbers: nothing can be asked from one on."""
        return None

    def read_trades(self, _body: bytes) -> Sequence[Trade]:
        """Nothing was asked."""
        return ()

    def ask_candles(self, native: str, start_ms: int, end_ms: int, _now_ms: int) -> Ask:
        """Candles of a span."""
        query = {
            "category": self._category,
            "symbol": native,
            "interval": "1",
            "start": str(start_ms),
            "end": str(end_ms),
            "limit": str(min(minutes_in(start_ms, end_ms), 1000)),
        }
        return Ask("/v5/market/kline", query, 1)

    def read_candles(self, body: bytes) -> Sequence[Candle]:
        """Read candles, which come newest first."""
        return [
            Candle(
                int(row[0]),
                float(row[1]),
                float(row[2]),
                float(row[3]),
                float(row[4]),
                float(row[5]),
                closed=True,
                ts_ms=0,
            )
            for row in reversed(self._read(body).result.rows)
        ]

    def ask_listed(self) -> tuple[Ask, ...]:
        """One page has everything."""
        query = {"category": self._category, "status": "Trading", "limit": "1000"}
        return (Ask("/v5/market/instruments-info", query, 1),)

    def read_listed(self, body: bytes) -> Sequence[Listed]:
        """Spot pairs, or perpetuals."""
        rows = self._read(body).result.rows
        return [
            Listed(row["symbol"], self._instrument(row))
            for row in rows
            if row["status"] == "Trading"
            and row.get("contractType") in {None, "LinearPerpetual"}
        ]

    def _instrument(self, row: dict[str, Any]) -> Instrument:
        lots, linear = row["lotSizeFilter"], self._category == "linear"
        lot = Decimal(lots["qtyStep"] if linear else lots["basePrecision"])
        least = lots.get("minNotionalValue") or lots.get("minOrderAmt")
        settle = f":{row['settleCoin']}" if linear else ""
        return Instrument(
            symbol=f"{row['baseCoin']}/{row['quoteCoin']}{settle}",
            base=row["baseCoin"],
            quote=row["quoteCoin"],
            tick_size=Decimal(row["priceFilter"]["tickSize"]),
            lot_size=lot,
            quantity_min=Decimal(lots.get("minOrderQty") or lot),
            notional_min=Decimal(least) if least else NOTIONAL_MIN,
            shortable=linear,
            maker_fee_bps=MAKER_FEE_BPS,
            taker_fee_bps=TAKER_FEE_BPS,
        )

    def ask_time(self) -> Ask:
        """The clock."""
        return Ask("/v5/market/time", {}, 1)

    def read_time(self, body: bytes) -> int:
        """Read the clock."""
        return self._read(body).time
