"""The report of a run: what was seen, decided, traded, and what it cost to compute."""

import resource
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from actors.domain.ledger import Position
from actors.engine import Engine
from actors.journal import Journal, Kind
from actors.projections import Projections

PAGE_ROWS = 1000


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
    """Largest resident size of this program so far, in MB.

    Linux hands `ru_maxrss` on from the process that started this one, so the program's
    own high-water mark is read where there is one (both count in KiB).
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
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


async def build_report(
    engine: Engine, view: Projections, costs: Costs
) -> dict[str, Any]:
    """Gather the report of a run that has ended; trades come from the journal."""
    cpu_seconds, wall_seconds = costs.cpu_seconds(), costs.wall_seconds()
    state, machine = engine.risk_state, engine.risk.desk.machine
    bars, steps = engine.cursor.bars_taken, engine.cursor.steps_taken
    # Messages handled: one a bar by a symbol actor, one a step by the feed.
    events = bars + steps + state.counts["messages"]
    positions = await closed_positions(engine.journal, engine.setup.session)
    return {
        "session": engine.setup.session,
        "symbols": len(engine.symbol_names),
        "bars": bars,
        "events": events,
        "candidates": state.counts["candidates"],
        "signals": state.counts["signals"],
        "entries": state.counts["entries"],
        "trades": len(positions),
        "positions_open": len(state.book.positions),
        "transitions": machine.transitions,
        "illegal_transitions": machine.illegal_transitions,
        "restarts": engine.crashes,
        "quarantined": state.counts["quarantined"],
        "wall_s": round(wall_seconds, 3),
        "cpu_s": round(cpu_seconds, 3),
        "load_s": round(costs.load_seconds, 3),
        "bars_per_cpu_s": round(bars / cpu_seconds, 1),
        "events_per_cpu_s": round(events / cpu_seconds, 1),
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "end_equity": state.equity,
        "divergence": engine.setup.divergence(),
        "kill_switch": None if state.book.kill is None else state.book.kill.reason,
        "funnel": view.funnel(),
        "data_faults": [msgspec.to_builtins(f) for f in engine.description.faults],
        "trades_list": [trade_of(position) for position in positions],
    }


async def closed_positions(journal: Journal, session: str) -> list[Position]:
    """Read every closed position of a session back from the journal."""
    await journal.commit()
    closed: list[Position] = []
    after = 0
    while True:
        rows = await journal.rows(
            Kind.POSITION, session=session, after=after, limit=PAGE_ROWS
        )
        if not rows:
            return closed
        after = rows[-1].seq
        positions = (row.decode(Position) for row in rows)
        closed += [p for p in positions if p.ended]


def _short(price: Decimal) -> Decimal:
    """Round an average price to 12 significant digits, for people."""
    return Decimal(f"{price:.12g}")


def to_json(report: dict[str, Any]) -> bytes:
    """Encode a report; Decimals become JSON numbers."""
    encoder = msgspec.json.Encoder(decimal_format="number")
    return msgspec.json.format(encoder.encode(report), indent=2)
