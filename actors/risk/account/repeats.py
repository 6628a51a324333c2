"""Keeps the same words from being told at every look: at once, then each minute."""

from actors.domain.limits import MINUTE_MS

#: Words that are remembered, the oldest forgotten first.
KEPT_MAX = 1000


class Repeats:
    """Remembers when each text was told last, by market time."""

    def __init__(self) -> None:
        self._told_ms: dict[tuple[str | None, ...], int] = {}

    def due(self, now_ms: int, *words: str | None) -> bool:
        """Whether these words may be told now; then they count as told."""
        told_ms = self._told_ms.get(words)
        if told_ms is not None and 0 <= now_ms - told_ms < MINUTE_MS:
            return False
        self._told_ms.pop(words, None)
        self._told_ms[words] = now_ms
        while len(self._told_ms) > KEPT_MAX:
            del self._told_ms[next(iter(self._told_ms))]
        return True
