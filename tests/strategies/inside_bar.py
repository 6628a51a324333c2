"""Inside bar: buys or sells the break of a bar that a large bar before it contains."""

from actors.domain.strategies.base import BarStrategy, Enter, Side, Window


class InsideBar(BarStrategy):
    name = "inside_bar"
    bars_needed = 60

    def on_bar(self, window: Window) -> Enter | None:
        mother_high, mother_low = window.high[-3], window.low[-3]
        inside = window.high[-2] < mother_high and window.low[-2] > mother_low
        if not inside or mother_high - mother_low < window.atr(14):
            return None
        close, trend = window.close[-1], window.ema(50)
        if close > mother_high and close > trend:
            return Enter(Side.LONG, stop=mother_low, target_r=2, reason="break_up")
        if close < mother_low and close < trend:
            return Enter(Side.SHORT, stop=mother_high, target_r=2, reason="break_down")
        return None
