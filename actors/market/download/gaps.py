"""Says of every bar that is not there why it is not.

- `before`: older than the symbol's first candle; mostly it was not listed yet;
- `not_traded`: the exchange answered, and has no candle there;
- `damaged`: it has one that cannot be (no number, a price of zero, a high below a low);
- `failed`: the exchange could not be asked; another run asks again.

Nothing is put in its place.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec
import numpy as np

from actors.market.download.pages import Page
from actors.market.download.plan import DownloadPlan, moment

GAPS_MAX = 10_000  # of one symbol are listed; all are counted


class Why(StrEnum):
    """Why a bar is missing."""

    BEFORE = "before"
    NOT_TRADED = "not_traded"
    DAMAGED = "damaged"
    FAILED = "failed"


class Gap(msgspec.Struct, frozen=True):
    """A stretch of bars that are missing for one reason."""

    why: Why
    start_ms: int
    stop_ms: int
    bars: int

    def __str__(self) -> str:
        span = f"{moment(self.start_ms)} to {moment(self.stop_ms)}"
        return f"{self.why} {span}: {self.bars} bars"


class SymbolReport(msgspec.Struct, frozen=True):
    """What there is of one symbol, and what is not."""

    symbol: str
    bars: int
    missing: dict[str, int]
    gaps: tuple[Gap, ...]


def report(plan: DownloadPlan, symbol: str, pages: Iterable[Page]) -> SymbolReport:
    """Look through all pages of a symbol."""
    present = np.zeros(plan.bars, bool)
    damaged, failed = present.copy(), np.ones(plan.bars, bool)

    def at(ts_ms: int) -> int:
        return (ts_ms - plan.start_ms) // plan.bar_ms

    for page in pages:
        failed[at(page.start_ms) : at(page.stop_ms)] = False
        present[[at(row[0]) for row in page.rows]] = True
        damaged[[at(ts) for ts in page.damaged]] = True
    first = int(present.argmax()) if present.any() else plan.bars
    reasons = list(Why)
    why = np.full(plan.bars, reasons.index(Why.NOT_TRADED))
    why[:first] = reasons.index(Why.BEFORE)
    why[damaged] = reasons.index(Why.DAMAGED)
    why[failed] = reasons.index(Why.FAILED)
    why[present] = -1
    counts = {one.value: int((why == n).sum()) for n, one in enumerate(reasons)}
    edges = np.flatnonzero(np.diff(why, prepend=-2)).tolist()
    gaps: list[Gap] = []
    for start, stop in zip(edges, [*edges[1:], plan.bars], strict=True):
        if why[start] >= 0 and len(gaps) < GAPS_MAX:
            begin, end = (plan.start_ms + n * plan.bar_ms for n in (start, stop))
            gaps.append(Gap(reasons[why[start]], begin, end, stop - start))
    return SymbolReport(symbol, int(present.sum()), counts, tuple(gaps))
