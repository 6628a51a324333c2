"""Spot turns: holds what is dear for good, and leaves what is cheap in two steps."""

from actors.domain.strategies.base import BarStrategy, Enter, Side, Window

DEAR = 50_000


class SpotTurns(BarStrategy):
    name = "spot_turns"
    bars_needed = 20

    def on_bar(self, window: Window) -> Enter | None:
        close = window.close[-1]
        if close > DEAR:
            return Enter(Side.LONG, stop=close * 0.9, target=close * 1.2)
        return Enter(Side.LONG, stop=close * 0.98)
