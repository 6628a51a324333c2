"""The paper exchange with small counterparties: whatever trades, trades in pieces."""

from decimal import Decimal
from typing import Any

from actors.domain.money import floor_to
from actors.exchange.paper.account import PaperOrder
from actors.exchange.paper.exchange import PaperExchange
from actors.exchange.paper.matching import Market

PIECES = 3


class InPieces(Market):
    """Fills of one moment come as several trades, each told by itself."""

    def _fill(
        self, order: PaperOrder, quantity: Decimal, *where: Any, maker: bool
    ) -> None:
        piece = floor_to(quantity / PIECES, self.instrument.lot_size)
        if piece:
            for _ in range(PIECES - 1):
                super()._fill(order, piece, *where, maker=maker)
                quantity -= piece
        super()._fill(order, quantity, *where, maker=maker)


class PiecewiseExchange(PaperExchange):
    """A PaperExchange on such markets."""

    def _market(self, symbol: str) -> Market:
        market = self._markets.get(symbol)
        if market is None:
            market = InPieces(
                self._instruments[symbol],
                self._settings,
                self._account,
                self._outbox.tell,
            )
            self._markets[symbol] = market
        return market
