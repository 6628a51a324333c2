"""The funnel by hour of market time: how many came how far, and where the rest ended.

Pipelines and the risk actor only count up, each from its own start. So the sum over all
of them is taken when an hour ends, and what it gained belongs to that hour. A symbol
that starts again counts its relived past anew, which is taken off; what its former life
had counted stays.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable

import numpy as np

from actors.domain.findings import DROPPED, Tally
from actors.domain.shown.symbols import DropRow, FunnelHour
from actors.risk.account.state import RiskState
from actors.symbol import SymbolActor

HOUR_MS = 3_600_000
HOURS_KEPT = 168
SCAN = "scan"
#: A funnel's own names; evaluations are called so or so.
_COUNTED = {
    "evaluated": "evaluations",
    "evaluations": "evaluations",
    "candidates": "candidates",
    "signals": "signals",
}


def summed(actors: Iterable[SymbolActor]) -> Counter[str]:
    """Add up what all have counted; hundreds are asked, so named only at the end."""
    sums: dict[tuple[str, ...], Tally] = {}
    for actor in actors:
        tally = actor.pipeline.tally()
        known = sums.get(tally.names)
        if known is None:
            sums[tally.names] = tally
        else:
            np.add(known.counts, tally.counts, out=known.counts)
    total: Counter[str] = Counter()
    for tally in sums.values():
        total.update(tally.told())
    return total


class Funnel:
    """Counts by hour, and keeps the newest example of each kind of drop."""

    def __init__(self, state: RiskState) -> None:
        self._state = state
        self._hours: deque[FunnelHour] = deque(maxlen=HOURS_KEPT - 1)
        self._hour = -1  # number of the hour that is being counted; -1: none yet
        self._before: Counter[str] = Counter()  # all that was counted before it
        self._lives: dict[str, SymbolActor] = {}
        #: What former lives counted, less the pasts that all lives were fed.
        self._beside: Counter[str] = Counter()
        self._examples: dict[str, DropRow] = {}  # by reason, as pipelines name them

    def step_begins(self, close_ms: int) -> None:
        """Hear that the step which closes then begins; all before it was weighed."""
        hour = (close_ms - 1) // HOUR_MS
        if self._hour >= 0 and hour != self._hour:
            counted = self._count()
            self._hours.append(self._row(counted))
            self._before = counted
        self._hour = hour

    def life_begins(self, symbol: str, actor: SymbolActor) -> None:
        """Count a symbol's new life from here on; what the former counted stays."""
        former = self._lives.get(symbol)
        if former is not None:
            self._beside.update(former.funnel())
        self._beside.subtract(actor.relived)
        self._lives[symbol] = actor

    def hours(self) -> tuple[FunnelHour, ...]:
        """The hours, oldest first; the last one is still being counted."""
        if self._hour < 0:
            return ()
        return (*self._hours, self._row(self._count()))

    def drops(self) -> tuple[DropRow, ...]:
        """Each kind of drop with its newest example, most frequent first."""
        counted = self._count()
        rows = [
            self._drop(name, count)
            for name, count in counted.items()
            if ":" in name and count > 0
        ]
        rows.sort(key=lambda row: (-row.count, row.stage, row.reason))
        return tuple(rows)

    def _count(self) -> Counter[str]:
        """Sum up what all lives have counted so far."""
        total = summed(self._lives.values())
        total.update(self._beside)
        for symbol, actor in self._lives.items():
            self._keep_example(symbol, actor)
        return self._joined(total)

    def _joined(self, total: Counter[str]) -> Counter[str]:
        """Add what the risk actor has counted.

        Pipelines count the reason of a candidate that gave no signal as a drop, and
        tell it: it is counted where it was told.
        """
        state = self._state
        counted = Counter(state.reasons)
        for name, count in total.items():
            if name in _COUNTED:
                counted[_COUNTED[name]] += count
            elif name.startswith(DROPPED):
                reason = name.removeprefix(DROPPED)
                told = state.reasons[f"signal:{reason}"]
                counted[f"{SCAN}:{reason}"] += max(0, count - told)
        counted["entries"] = state.counts["entries"] + state.counts["entries_late"]
        counted["trades"] = state.counts["trades"]
        return counted

    def _row(self, counted: Counter[str]) -> FunnelHour:
        gained = {
            name: count - self._before[name]
            for name, count in counted.items()
            if count > self._before[name]
        }
        return FunnelHour(
            hour_ms=self._hour * HOUR_MS,
            evaluations=gained.get("evaluations", 0),
            candidates=gained.get("candidates", 0),
            signals=gained.get("signals", 0),
            entries=gained.get("entries", 0),
            trades=gained.get("trades", 0),
            drops={name: count for name, count in gained.items() if ":" in name},
        )

    # --- examples ---------------------------------------------------------------------

    def _keep_example(self, symbol: str, actor: SymbolActor) -> None:
        found = actor.pipeline.last_rejection()
        if found is None:
            return
        reason, value, threshold, time_ms = found
        known = self._examples.get(reason)
        if known is None or time_ms > known.time_ms:
            self._examples[reason] = DropRow(
                SCAN, reason, 0, symbol, _told(value), _told(threshold), time_ms
            )

    def _drop(self, name: str, count: int) -> DropRow:
        stage, _, reason = name.partition(":")
        why = self._state.newest_why.get(name)
        if why is not None:
            example = (why.symbol, why.value, why.threshold, why.ts_ms)
            return DropRow(stage, reason, count, *example)
        known = self._examples.get(reason) if stage == SCAN else None
        if known is None:  # counted between two looks, and nobody kept which it was
            return DropRow(stage, reason, count, "", "", "", 0)
        example = (known.symbol, known.value, known.threshold, known.time_ms)
        return DropRow(stage, reason, count, *example)


def _told(value: float) -> str:
    return "UNKNOWN" if math.isnan(value) else f"{value:.8g}"
