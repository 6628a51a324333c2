"""What became of refused signals: how much R each would have made by now.

An idea is followed along the bars after it by its own stop and targets, as if it had
been entered at its price: of a bar that reaches both, the stop counts, and a gap over
the stop counts at the gap. Nothing is charged, moved or trailed, so it tells whether
the refusal saved or cost something, not what a managed trade would have earned.

Only so many are followed and remembered, and each only for so long: whoever asks for
another one hears that it is UNKNOWN.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping

import msgspec

from actors.cursor import Cursor
from actors.domain.messages import Signal

HOUR_MS = 3_600_000
KEPT_MAX = 1_000
FOLLOWED_MAX = 256
#: The engine's own trades are closed by then too.
FOLLOW_MS_MAX = 48 * HOUR_MS


class Idea(msgspec.Struct):
    """One refused signal on its way."""

    signal: Signal
    upto_ms: int  # bars that opened before this were looked at
    left: float = 1.0  # of the size
    gained: float = 0.0  # R of what was closed
    open_r: float = 0.0  # R of one whole size at the newest close
    targets_hit: int = 0
    seen: bool = False  # at least one bar
    over: bool = False

    @property
    def r(self) -> float | None:
        """R by now; None before the first bar behind the signal."""
        return self.gained + self.left * self.open_r if self.seen else None


class Aftermath:
    """Follows refused signals, the newest ones."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        instruments = cursor.description.instruments
        self._index: Mapping[str, int] = {
            one.symbol: index for index, one in enumerate(instruments)
        }
        self._ideas: OrderedDict[str, Idea] = OrderedDict()  # by correlation
        self._following: OrderedDict[str, Idea] = OrderedDict()
        self._hour = -1

    def follow(self, signal: Signal) -> None:
        """Follow a signal that was refused, from its bar's close on."""
        if signal.entry == signal.stop:
            return
        idea = Idea(signal, upto_ms=signal.ts_ms)
        self._ideas[signal.correlation] = self._following[signal.correlation] = idea
        while len(self._ideas) > KEPT_MAX:
            self._ideas.popitem(last=False)
        while len(self._following) > FOLLOWED_MAX:
            _, given_up = self._following.popitem(last=False)
            self._ideas.pop(given_up.signal.correlation, None)  # UNKNOWN from now on

    def step_begins(self, close_ms: int) -> None:
        """Hear that a step begins; once an hour all ideas go on."""
        hour = close_ms // HOUR_MS
        if hour != self._hour:
            self._hour = hour
            self._go_on()

    def r_of(self, correlation: str) -> float | None:
        """R that a refused signal would have made by now; None: UNKNOWN."""
        self._go_on()
        idea = self._ideas.get(correlation)
        return None if idea is None else idea.r

    def refused(self, symbol: str) -> Iterator[Signal]:
        """The refused signals of a symbol that are at hand, oldest first."""
        return (i.signal for i in self._ideas.values() if i.signal.symbol == symbol)

    def _go_on(self) -> None:
        if self._cursor.block is None:
            return
        for name, idea in list(self._following.items()):
            if idea.upto_ms < self._cursor.last_close_ms:
                self._advance(idea)
            if idea.over:
                del self._following[name]

    def _advance(self, idea: Idea) -> None:
        """Take the bars that have closed since."""
        now_ms = self._cursor.last_close_ms
        index = self._index[idea.signal.symbol]
        span_ms = now_ms - idea.upto_ms
        bars, start, stop = self._cursor.history.window(index, now_ms, span_ms)
        columns = ("open", "high", "low", "close")
        rows = zip(*(bars[name][start:stop].tolist() for name in columns), strict=True)
        for opening, high, low, close in rows:
            if not idea.over:
                _take(idea, opening, (high, low), close)
        idea.upto_ms = now_ms
        if now_ms - idea.signal.ts_ms >= FOLLOW_MS_MAX:
            idea.over = True


def _take(
    idea: Idea, opening: float, extremes: tuple[float, float], close: float
) -> None:
    """Let one bar act on an idea."""
    signal, sign = idea.signal, idea.signal.side.sign
    entry, stop = float(signal.entry), float(signal.stop)
    unit = abs(entry - stop)
    high, low = extremes
    favourable, adverse = (high, low) if sign > 0 else (low, high)
    idea.seen = True
    if (stop - adverse) * sign >= 0.0:
        met = opening if (stop - opening) * sign > 0.0 else stop
        idea.gained += idea.left * (met - entry) * sign / unit
        idea.left, idea.over = 0.0, True
        return
    for price, fraction in signal.targets[idea.targets_hit :]:
        reach = (float(price) - entry) * sign
        if (favourable - entry) * sign < reach:
            break
        part = min(idea.left, float(fraction))
        idea.gained += part * reach / unit
        idea.left -= part
        idea.targets_hit += 1
    idea.open_r = (close - entry) * sign / unit
    idea.over = idea.left <= 1e-9
