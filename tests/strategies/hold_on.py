"""Hold on: buys whenever it may, with a stop and a target that are far away."""

from actors.domain.strategies.base import BarStrategy, Enter, Side, Window


class HoldOn(BarStrategy):
    name = "hold_on"
    bars_needed = 20

    def on_bar(self, window: Window) -> Enter | None:
        close = window.close[-1]
        return Enter(Side.LONG, stop=close * 0.9, target=close * 1.2)
