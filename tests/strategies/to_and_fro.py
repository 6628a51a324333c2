"""To and fro: buys at every third minute, and sells a minute later at any price."""

from actors.domain.strategies.base import BarStrategy, Enter, Exit, Side, Window

MINUTE_MS = 60_000


class ToAndFro(BarStrategy):
    name = "to_and_fro"
    bars_needed = 20

    def on_bar(self, window: Window) -> Enter | Exit | None:
        minute, close = window.ts[-1] // MINUTE_MS % 3, window.close[-1]
        if minute == 0:
            return Enter(Side.LONG, stop=close * 0.97, target=close * 1.1)
        return Exit(Side.LONG) if minute == 1 else None
