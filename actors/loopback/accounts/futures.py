"""The futures account: one wallet, positions, leverage, margin and liquidation.

Cross margin in USDT; isolated positions are kept as such but draw on the same wallet.
Realised results and fees change the wallet at once, funding every eight hours.
"""

from dataclasses import dataclass
from decimal import Decimal

from actors.domain.money import ONE, ZERO, bps_of
from actors.loopback.accounts.order import Conditional, Order, Wish
from actors.loopback.accounts.refusals import Refused, no_margin, not_reducing
from actors.loopback.floor.maker import Trade
from actors.loopback.floor.pit import Pit

LEVERAGE_DEFAULT, LEVERAGE_MAX = 20, 125
MAINTENANCE = Decimal("0.005")  # of the notional; one bracket for every symbol
FUNDING_RATE = Decimal("0.0001")  # of the notional, longs to shorts
EIGHT_HOURS_MS = 28_800_000
NOTIONAL_MAX = 1_000_000_000
BOTH = "BOTH"


@dataclass(slots=True)
class Position:
    """What is held of one symbol on one side."""

    pit: Pit
    side: str  # BOTH, LONG or SHORT
    lots: int = 0  # signed
    entry: Decimal = ZERO
    realised: Decimal = ZERO
    updated_ms: int = 0

    @property
    def size(self) -> Decimal:
        """Signed size."""
        return self.pit.grid.size(self.lots)

    @property
    def notional(self) -> Decimal:
        """Signed size at the mark price."""
        return self.pit.grid.value(self.pit.mark, self.lots)

    @property
    def unrealised(self) -> Decimal:
        """What closing at the mark price would bring."""
        return (self.pit.grid.price(self.pit.mark) - self.entry) * self.size

    @property
    def maintenance(self) -> Decimal:
        """The margin below which it is liquidated."""
        return abs(self.notional) * MAINTENANCE


class FuturesLedger:
    """The wallet and all positions."""

    def __init__(self, wallet: Decimal) -> None:
        self.wallet = wallet
        self.positions: dict[tuple[str, str], Position] = {}
        self.leverage: dict[str, int] = {}
        self.isolated: set[str] = set()
        self.hedged = False
        self.changed: set[tuple[str, str]] = set()
        self.open_orders: dict[int, Order] = {}

    def position(self, pit: Pit, side: str) -> Position:
        """Give the position of a symbol, empty or not."""
        return self.positions.setdefault((pit.id, side), Position(pit, side))

    def held(self) -> list[Position]:
        """List the positions that are not empty."""
        return [one for one in self.positions.values() if one.lots]

    def leverage_of(self, pit_id: str) -> int:
        """Give a symbol's leverage."""
        return self.leverage.get(pit_id, LEVERAGE_DEFAULT)

    def check_side(self, wish: Wish) -> None:
        """Refuse a position side that the mode does not know."""
        if (wish.position_side == BOTH) is self.hedged:
            told = "Order's position side does not match user's setting."
            raise Refused(-4061, told)
        if self.hedged and wish.reduce_only:
            raise Refused(-1106, "Parameter 'reduceonly' sent when not required.")

    def closable(self, pit: Pit, side: int, position_side: str) -> int:
        """Say how many lots an order of `side` could take off."""
        held = self.position(pit, position_side).lots
        return abs(held) if held * side < 0 else 0

    def reduces(self, order: Order | Wish | Conditional) -> bool:
        """Say whether an order may only take off."""
        closing = {"LONG": -1, "SHORT": 1}.get(order.position_side)
        return order.reduce_only or order.close_position or order.side == closing

    def admit(self, order: Order) -> None:
        """Judge margin and reduction. Raises Refused."""
        closable = self.closable(order.pit, order.side, order.position_side)
        if self.reduces(order):
            if not closable:
                raise not_reducing()
            order.lots = min(order.lots, closable)
            return
        opening = max(0, order.lots - closable)
        ticks = order.ticks or order.pit.book.half(-order.side).best or order.pit.mark
        needed = order.pit.grid.value(ticks, opening)
        needed /= self.leverage_of(order.pit.id)
        if needed > self.available():
            raise no_margin()

    def fill(
        self, order: Order, trade: Trade, *, maker: bool
    ) -> tuple[Decimal, Decimal]:
        """Change position and wallet; give the fee and the realised result."""
        pit, held = order.pit, self.position(order.pit, order.position_side)
        rules, grid = pit.instrument, pit.grid
        price = grid.price(trade.ticks)
        change = trade.lots * order.side
        closing = min(abs(held.lots), trade.lots) if held.lots * change < 0 else 0
        profit = (
            (price - held.entry) * grid.size(closing) * (ONE if held.lots > 0 else -ONE)
        )
        opening = trade.lots - closing
        assert not (opening and self.reduces(order)), f"{order.client_id} opened"
        if opening:
            before = 0 if closing else abs(held.lots)
            held.entry = (held.entry * before + price * opening) / (before + opening)
        held.lots += change
        if not held.lots:
            held.entry = ZERO
        held.realised += profit
        held.updated_ms = trade.time_ms
        rate = rules.maker_fee_bps if maker else rules.taker_fee_bps
        fee = bps_of(grid.value(trade.ticks, trade.lots), rate)
        self.wallet += profit - fee
        self.changed.add((pit.id, order.position_side))
        return fee, profit

    def unrealised(self) -> Decimal:
        """Sum what closing everything would bring."""
        return sum((one.unrealised for one in self.held()), ZERO)

    def position_margin(self) -> Decimal:
        """Sum the initial margin of all positions."""
        margins = (abs(p.notional) / self.leverage_of(p.pit.id) for p in self.held())
        return sum(margins, ZERO)

    def order_margin(self) -> Decimal:
        """Sum the initial margin of all resting orders that open."""
        total = ZERO
        for order in self.open_orders.values():
            if not self.reduces(order):
                value = order.pit.grid.value(order.ticks, order.left)
                total += value / self.leverage_of(order.pit.id)
        return total

    def available(self) -> Decimal:
        """Say how much margin is left for new orders."""
        free = self.wallet + self.unrealised()
        return max(ZERO, free - self.position_margin() - self.order_margin())

    def liquidation_price(self, position: Position) -> Decimal:
        """Say at which mark price the account could not hold this position any more."""
        if not position.lots:
            return ZERO
        others = [one for one in self.held() if one is not position]
        equity = self.wallet + sum((o.unrealised - o.maintenance for o in others), ZERO)
        size = position.size
        price = (position.entry * size - equity) / (size - abs(size) * MAINTENANCE)
        return max(ZERO, price)

    def doomed(self) -> bool:
        """Say whether the margin is used up."""
        held = self.held()
        needed = sum((one.maintenance for one in held), ZERO)
        return bool(held) and self.wallet + self.unrealised() < needed
