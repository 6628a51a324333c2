"""The paper account of the shadow: it can stop inside a bar, and be made flat."""

from decimal import Decimal

from actors.domain.money import ZERO
from actors.exchange.paper.exchange import PaperExchange


class Double(PaperExchange):
    """A PaperExchange whose bars are played after they closed, moment by moment."""

    def live_to(self, moment_ms: int) -> bool:
        """Go on to the next thing up to a moment; False: it is that moment now.

        The bars stay laid out: what is placed then meets the rest of their paths.
        """
        if self._happens(moment_ms):
            return True
        self._clock.advance_to(max(moment_ms, self.now_ms))
        return False

    def clear(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Drop the orders of a symbol and give its position up at the last price.

        Returns the signed quantity that was left, and that price.
        """
        market = self._market(symbol)
        for client_id in market.orders:
            del self.state.orders[client_id]
        market.orders.clear()
        self._schedule(symbol, market)
        held = self.state.positions.pop(symbol, None)
        if held is None:
            return ZERO, ZERO
        price = self._last_price(symbol)
        assert price is not None, f"{symbol} is held and was never priced"
        self.state.cash += held.quantity * price
        return held.quantity, price
