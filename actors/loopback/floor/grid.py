"""A symbol's price and size grid: whole ticks and lots inside, decimals outside.

Books compare and add integers only; nothing is rounded after an order was admitted.
"""

from decimal import Decimal

from actors.domain.money import ZERO

BUY, SELL = 1, -1


class Grid:
    """Turns ticks into prices and lots into sizes, and back."""

    def __init__(self, tick: Decimal, step: Decimal, *, padded: int = 0) -> None:
        """`padded`: how many decimals the venue always writes; 0: as many as needed."""
        assert tick > ZERO
        assert step > ZERO
        self.tick, self.step = tick, step
        self._price = _Scale(tick, padded)
        self._size = _Scale(step, padded)

    def price_text(self, ticks: int) -> str:
        """Write a price as this venue does."""
        return self._price.text(ticks)

    def size_text(self, lots: int) -> str:
        """Write a size as this venue does."""
        return self._size.text(lots)

    def price(self, ticks: int) -> Decimal:
        """Give the price of so many ticks."""
        return self.tick * ticks

    def size(self, lots: int) -> Decimal:
        """Give the size of so many lots."""
        return self.step * lots

    def ticks(self, price: Decimal) -> int | None:
        """Count the ticks of a price; None: it lies between two ticks."""
        return _whole(price, self.tick)

    def lots(self, size: Decimal) -> int | None:
        """Count the lots of a size; None: it is no whole number of lots."""
        return _whole(size, self.step)

    def value(self, ticks: int, lots: int) -> Decimal:
        """Give price times size."""
        return self.tick * self.step * (ticks * lots)


class _Scale:
    """Writes whole multiples of one unit without ever making a Decimal."""

    def __init__(self, unit: Decimal, padded: int) -> None:
        exponent = unit.normalize().as_tuple().exponent
        assert isinstance(exponent, int), f"{unit} is no number"
        self.places = max(0, -exponent)
        self._factor = int(unit.scaleb(self.places))
        self._zeros = "0" * max(0, padded - self.places)
        if self._zeros and not self.places:
            self._zeros = "." + self._zeros

    def text(self, count: int) -> str:
        places = self.places
        if not places:
            return f"{count * self._factor}{self._zeros}"
        digits = str(abs(count) * self._factor).rjust(places + 1, "0")
        sign = "-" if count < 0 else ""
        return f"{sign}{digits[:-places]}.{digits[-places:]}{self._zeros}"


def _whole(value: Decimal, unit: Decimal) -> int | None:
    count = value / unit
    whole = count.to_integral_value()
    return int(whole) if whole == count else None
