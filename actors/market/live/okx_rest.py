"""OKX's public REST: candles, symbols, the clock."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.bars import Instrument
from actors.market.instruments import MAKER_FEE_BPS, NOTIONAL_MIN, TAKER_FEE_BPS
from actors.market.live.codes import OKX, CodeError
from actors.market.live.dialect import MINUTE_MS, Ask, Listed, minutes_in
from actors.market.live.wire import Candle, DepthUpdate, Trade, lax

#: The road of recent candles has the newest 1,440, the other the newest not yet. That a
#: clock is some hours wrong, or a request waits, does no harm.
RECENT_MINUTES = 1_000


def candle_of(row: Sequence[str], swap: bool) -> Candle:  # noqa: FBT001 - one of two
    """Read a row; a swap's volume is in contracts, the next column in base currency."""
    return Candle(
        int(row[0]),
        float(row[1]),
        float(row[2]),
        float(row[3]),
        float(row[4]),
        float(row[6] if swap else row[5]),
        closed=row[8] == "1",
        ts_ms=0,
    )


class Said(msgspec.Struct):
    """What every REST answer says of itself; an error comes with HTTP 200."""

    code: int = 0
    msg: str = ""


_said = lax(Said)


class OkxRest:
    """The REST of one kind of instruments."""

    candles_per_ask = 100

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._swap = kind == "SWAP"

    def check(self, body: bytes) -> None:
        """Raise CodeError when the exchange answered an error."""
        said: Said = _said(body)
        if said.code:
            name = f"okx ({self._kind})"
            raise CodeError(name, said.code, said.msg, OKX)

    def _read(self, body: bytes) -> Any:
        self.check(body)
        return msgspec.json.decode(body)["data"]

    def ask_depth(self, _native: str) -> Ask | None:
        """Subscribing anew brings the book."""
        return None

    def read_depth(self, body: bytes) -> DepthUpdate:
        """Read a book, which has no place in the stream's sequence."""
        row = self._read(body)[0]
        bids, asks = (
            [(float(one[0]), float(one[1])) for one in row[side]]
            for side in ("bids", "asks")
        )
        return DepthUpdate(
            None, None, None, bids, asks, int(row["ts"]), is_snapshot=True
        )

    def ask_trades(self, _native: str, _first_id: int) -> Ask | None:
        """One message may stand for several trades: ids have holes of their own."""
        return None

    def read_trades(self, _body: bytes) -> Sequence[Trade]:
        """Nothing was asked."""
        return ()

    def ask_candles(self, native: str, start_ms: int, end_ms: int, now_ms: int) -> Ask:
        """Candles of a span; both borders are exclusive there."""
        query = {
            "instId": native,
            "bar": "1m",
            "before": str(start_ms - 1),
            "after": str(end_ms + 1),
            "limit": str(min(minutes_in(start_ms, end_ms), 100)),
        }
        is_recent = now_ms - start_ms < RECENT_MINUTES * MINUTE_MS
        road = "candles" if is_recent else "history-candles"
        return Ask(f"/api/v5/market/{road}", query, 1)

    def read_candles(self, body: bytes) -> Sequence[Candle]:
        """Read candles, which come newest first."""
        rows = self._read(body)
        return [candle_of(row, self._swap) for row in reversed(rows)]

    def ask_listed(self) -> tuple[Ask, ...]:
        """One list has everything."""
        return (Ask("/api/v5/public/instruments", {"instType": self._kind}, 1),)

    def read_listed(self, body: bytes) -> Sequence[Listed]:
        """Spot pairs, or swaps that are margined in their quote currency."""
        rows: list[dict[str, str]] = self._read(body)
        return [
            Listed(row["instId"], self._instrument(row), self._contract(row))
            for row in rows
            if row["state"] == "live" and row.get("ctType", "") in {"", "linear"}
        ]

    def _contract(self, row: dict[str, str]) -> Decimal:
        return Decimal(row["ctVal"]) if self._swap else Decimal(1)

    def _instrument(self, row: dict[str, str]) -> Instrument:
        """Swaps are counted in contracts there, in base currency here."""
        base, quote = row["instId"].split("-")[:2]
        contract = self._contract(row)
        return Instrument(
            symbol=f"{base}/{quote}" + (f":{row['settleCcy']}" if self._swap else ""),
            base=base,
            quote=quote,
            tick_size=Decimal(row["tickSz"]),
            lot_size=(Decimal(row["lotSz"]) * contract).normalize(),
            quantity_min=(Decimal(row["minSz"]) * contract).normalize(),
            notional_min=NOTIONAL_MIN,
            shortable=self._swap,
            maker_fee_bps=MAKER_FEE_BPS,
            taker_fee_bps=TAKER_FEE_BPS,
        )

    def ask_time(self) -> Ask:
        """The clock."""
        return Ask("/api/v5/public/time", {}, 1)

    def read_time(self, body: bytes) -> int:
        """Read the clock."""
        return int(self._read(body)[0]["ts"])
