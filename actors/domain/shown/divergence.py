"""What is shown of the shadow: how far the paper model is from the real exchange.

All differences are real minus paper. Slippage is signed by the order's side, so that a
positive number always means that the real exchange was worse than paper.
"""

from decimal import Decimal

import msgspec

from actors.domain.money import ZERO


class Execution(msgspec.Struct, frozen=True, rename="camel"):
    """What one exchange made of one order."""

    filled_share: float
    price: Decimal | None  # the average; None: nothing was filled
    fee: Decimal
    first_fill_ms: int | None  # since the order was sent
    ended: str  # filled, expired, user, ..., or why it was refused; "": it lives


class OrderDivergence(msgspec.Struct, frozen=True, rename="camel"):
    """One order at the real exchange and on paper."""

    client_order_id: str
    symbol: str
    side: str  # long buys, short sells
    kind: str
    reduce_only: bool
    sent_ms: int
    real: Execution
    paper: Execution
    slippage_bps: float | None  # positive: real was worse; None: not filled on both
    first_fill_ms: int | None
    fee: Decimal


class TradeDivergence(msgspec.Struct, frozen=True, rename="camel"):
    """One trade of a symbol, from flat to flat; results are net of fees."""

    symbol: str
    side: str  # of its first order
    opened_ms: int
    closed_ms: int
    orders: int
    real_usd: Decimal
    paper_usd: Decimal
    difference_usd: Decimal  # negative: real was worse
    #: What paper still held when real was flat; closed out at the last price, no fee.
    left_quantity: Decimal


class SlippageSpread(msgspec.Struct, frozen=True, rename="camel"):
    """How the slippage of orders that were filled on both sides is distributed."""

    n: int = 0
    mean_bps: float | None = None
    median_bps: float | None = None
    p95_bps: float | None = None  # 5% of the orders were worse


class DivergenceTotals(msgspec.Struct, frozen=True, rename="camel"):
    """All orders and trades that are listed.

    Fill rates are the mean filled share of the orders that asked for a fill: all that
    open, and those that reduce if either side filled some of them.
    """

    orders: int = 0
    trades: int = 0
    asked: int = 0  # the orders of which the fill rates are the mean
    real_fill_rate: float | None = None
    paper_fill_rate: float | None = None
    slippage: SlippageSpread = SlippageSpread()
    fee: Decimal = ZERO
    difference_usd: Decimal = ZERO


class Divergence(msgspec.Struct, frozen=True, rename="camel"):
    """What the shadow found; orders and trades are the newest ones, newest first."""

    since_ms: int  # the shadow of this process began; older rows were remembered
    until_ms: int  # up to where its market was lived; 0: not at all yet
    totals: DivergenceTotals
    orders: tuple[OrderDivergence, ...]
    trades: tuple[TradeDivergence, ...]
    uncompared: dict[str, int]  # why a trade was left out -> how many
    faults: int  # of the shadow itself; they never reach the real account
    last_fault: str
    off: bool  # it failed so often that it compares nothing any more
