"""Orders and trades while they are compared: what both sides have made of them."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from actors.domain.money import ZERO
from actors.domain.orders import Fill, OrderRequest, OrderUpdate
from actors.domain.shown.divergence import (
    Execution,
    OrderDivergence,
    TradeDivergence,
)
from actors.exchange.shadow.real import ENDED


class Fate(StrEnum):
    """What the real exchange said of an order."""

    ASKED = "asked"  # no answer yet, or one that says nothing
    TAKEN = "taken"
    REFUSED = "refused"


class Tally(msgspec.Struct):
    """What one side made of an order."""

    filled: Decimal = ZERO
    paid: Decimal = ZERO  # quantity x price
    fee: Decimal = ZERO
    first_ms: int | None = None
    ended: str = ""

    def take(self, update: Fill | OrderUpdate) -> None:
        """Add a fill, or note how the order ended."""
        if isinstance(update, OrderUpdate):
            if update.state in ENDED:
                self.ended = update.reason or str(update.state)
            return
        self.filled += update.quantity
        self.paid += update.quantity * update.price
        self.fee += update.fee
        known_ms = update.ts_ms if self.first_ms is None else self.first_ms
        self.first_ms = min(known_ms, update.ts_ms)

    @property
    def price(self) -> Decimal | None:
        """The average price; None: nothing was filled."""
        return self.paid / self.filled if self.filled else None

    def shown(self, quantity: Decimal, sent_ms: int) -> Execution:
        """Tell it of an order of `quantity`."""
        first_ms = None if self.first_ms is None else self.first_ms - sent_ms
        ended = self.ended or ("filled" if self.filled >= quantity else "")
        share = float(self.filled / quantity)
        return Execution(share, self.price, self.fee, first_ms, ended)


class Pair(msgspec.Struct):
    """One order, at both exchanges."""

    request: OrderRequest
    sent_ms: int
    fate: Fate = Fate.ASKED
    real: Tally = msgspec.field(default_factory=Tally)
    paper: Tally = msgspec.field(default_factory=Tally)

    @property
    def ended(self) -> bool:
        """Whether both sides are done with it."""
        return bool(self.real.ended and self.paper.ended)

    def shown(self) -> OrderDivergence:
        """Tell how far apart the two sides are."""
        request = self.request
        real = self.real.shown(request.quantity, self.sent_ms)
        paper = self.paper.shown(request.quantity, self.sent_ms)
        slippage = first_ms = None
        if real.price is not None and paper.price is not None:
            worse = request.side.sign * (real.price - paper.price)
            slippage = float(worse / paper.price * 10_000) + 0.0  # no minus zero
        if real.first_fill_ms is not None and paper.first_fill_ms is not None:
            first_ms = real.first_fill_ms - paper.first_fill_ms
        return OrderDivergence(
            client_order_id=request.client_id,
            symbol=request.symbol,
            side=str(request.side),
            kind=str(request.kind),
            reduce_only=request.reduce_only,
            sent_ms=self.sent_ms,
            real=real,
            paper=paper,
            slippage_bps=slippage,
            first_fill_ms=first_ms,
            fee=real.fee - paper.fee,
        )


class Trade(msgspec.Struct):
    """A symbol's orders from flat to flat."""

    symbol: str
    side: str
    opened_ms: int
    broken: str  # why it cannot be compared; "": it can
    pairs: list[Pair] = []
    flat_ms: int | None = None  # when the real side was flat again

    def shown(self, left: Decimal, price: Decimal) -> TradeDivergence | None:
        """Tell what it came to, with what paper had `left`; None: to nothing."""
        assert self.flat_ms is not None, f"a trade of {self.symbol} goes on"
        if not any(pair.real.filled or pair.paper.filled for pair in self.pairs):
            return None
        real = sum((_cash(p.request, p.real) for p in self.pairs), self._rest())
        paper = sum((_cash(p.request, p.paper) for p in self.pairs), left * price)
        return TradeDivergence(
            symbol=self.symbol,
            side=self.side,
            opened_ms=self.opened_ms,
            closed_ms=self.flat_ms,
            orders=len(self.pairs),
            real_usd=real,
            paper_usd=paper,
            difference_usd=real - paper,
            left_quantity=left,
        )

    def _rest(self) -> Decimal:
        """What the real side has bought and not sold is worth: less than a lot."""
        filled = [pair for pair in self.pairs if pair.real.price is not None]
        left = sum((p.request.side.sign * p.real.filled for p in filled), ZERO)
        return left * (filled[-1].real.price or ZERO) if filled else ZERO


def _cash(request: OrderRequest, tally: Tally) -> Decimal:
    return -request.side.sign * tally.paid - tally.fee
