"""The spot account: coins, free and locked; a fee is taken from what was received."""

from decimal import Decimal

from actors.domain.money import ZERO, bps_of, floor_to
from actors.loopback.accounts.order import Order
from actors.loopback.accounts.refusals import poor
from actors.loopback.floor.grid import BUY
from actors.loopback.floor.maker import Trade

ASSETS_MAX = 2_000
PRECISION = Decimal("1e-8")  # of a balance, and so of a fee
SLIPPAGE = Decimal("1.02")  # set aside for a buy at the market, over the best ask


class SpotLedger:
    """What the account owns."""

    def __init__(self, owned: dict[str, Decimal]) -> None:
        self.free = dict(owned)
        self.locked: dict[str, Decimal] = {}
        self.changed: set[str] = set()

    def reserve(self, order: Order) -> None:
        """Set aside what an order may cost. Raises Refused when it is not there."""
        asset = self._given(order)
        needed = self._needed(order)
        if self.free.get(asset, ZERO) < needed:
            raise poor()
        self._move(asset, -needed, needed)
        order.locked = needed

    def release(self, order: Order) -> None:
        """Give back what an ended order did not use."""
        if order.locked:
            self._move(self._given(order), order.locked, -order.locked)
            order.locked = ZERO

    def fill(self, order: Order, trade: Trade, *, maker: bool) -> tuple[Decimal, str]:
        """Pay and receive; give the fee and its asset."""
        pit = order.pit
        rules, grid = pit.instrument, pit.grid
        size, paid = grid.size(trade.lots), grid.value(trade.ticks, trade.lots)
        given, got = (paid, size) if order.side == BUY else (size, paid)
        received = rules.base if order.side == BUY else rules.quote
        rate = rules.maker_fee_bps if maker else rules.taker_fee_bps
        fee = floor_to(bps_of(got, rate), PRECISION)
        from_locked = min(given, order.locked)
        order.locked -= from_locked
        asset = self._given(order)
        self._move(asset, from_locked - given, -from_locked)
        self._move(received, got - fee, ZERO)
        return fee, received

    def _needed(self, order: Order) -> Decimal:
        grid = order.pit.grid
        if order.side != BUY:
            return grid.size(order.lots)
        if order.quote:
            return order.quote
        ticks = order.ticks or order.stop_ticks
        if ticks:
            return grid.value(ticks, order.lots)
        best = order.pit.book.asks.best or order.pit.mark
        return grid.value(best, order.lots) * SLIPPAGE

    @staticmethod
    def _given(order: Order) -> str:
        rules = order.pit.instrument
        return rules.quote if order.side == BUY else rules.base

    def _move(self, asset: str, free: Decimal, locked: Decimal) -> None:
        assert len(self.free) < ASSETS_MAX
        self.free[asset] = self.free.get(asset, ZERO) + free
        self.locked[asset] = self.locked.get(asset, ZERO) + locked
        assert self.locked[asset] >= ZERO, f"{asset}: {self.locked[asset]} locked"
        self.changed.add(asset)
