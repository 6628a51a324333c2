"""The report of a run: what was seen, decided, traded, and what it cost to compute."""

import resource
import time
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.ledger import Position


class Costs:
    """Measures a run: wall and CPU seconds from `begin` to `end`."""

    def __init__(self, load_seconds: float) -> None:
        self.load_seconds = load_seconds
        self._wall_ns = time.perf_counter_ns()
        self._cpu_ns = time.process_time_ns()

    def wall_seconds(self) -> float:
        """Wall seconds since the run began."""
        return (time.perf_counter_ns() - self._wall_ns) / 1e9

    def cpu_seconds(self) -> float:
        """CPU seconds of this process, all threads, since the run began."""
        return (time.process_time_ns() - self._cpu_ns) / 1e9


def peak_rss_mb() -> float:
    """Largest resident size of this process so far, in MB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Trade(msgspec.Struct, frozen=True):
    """One closed trade as reports list it; times are market time in ms."""

    symbol: str
    side: str
    entry_ts: int
    entry: Decimal
    exit_ts: int
    exit: Decimal
    qty: Decimal
    r: Decimal
    reason: str


def trade_of(position: Position) -> Trade:
    """Tell a closed position as a trade; R is net of fees, to four decimals."""
    assert position.closed_ms is not None, "only a closed position is a trade"
    return Trade(
        symbol=position.symbol,
        side=position.side,
        entry_ts=position.opened_ms,
        entry=_short(position.entry),
        exit_ts=position.closed_ms,
        exit=_short(position.exit),
        qty=position.entered,
        r=position.r_of(position.pnl_usd).quantize(Decimal("0.0001")),
        reason=position.reason,
    )


def _short(price: Decimal) -> Decimal:
    """Round an average price to 12 significant digits, for people."""
    return Decimal(f"{price:.12g}")


def to_json(report: dict[str, Any]) -> bytes:
    """Encode a report; Decimals become JSON numbers."""
    encoder = msgspec.json.Encoder(decimal_format="number")
    return msgspec.json.format(encoder.encode(report), indent=2)
