"""Matches one symbol's paper orders against its path and its book.

The rules, each chosen so that paper is never kinder than the market it copies:

- Taking (MARKET, a triggered STOP_MARKET, a LIMIT that crosses): walks the book as it
  stands at that ms; the price is the mean of the walk, rounded to the tick against us.
  What the book could not give is tried again each `refill_ms` on the path as it goes
  on; inside a band (`limit_price` on MARKET) it is cancelled instead: "band".
- Resting LIMIT: fills at its own price once the path has traded a tick beyond it, as
  we are last in the queue; one that came to rest inside the spread waits until the
  path is a tick beyond where it was then. A bar without volume fills none. Maker fee.
- STOP_MARKET: triggers when the path touches it (at arrival if it is past it already)
  and takes the book from then on, slippage included.
- All fills of a bar take at most `volume_share_max` of its volume, protective stops
  as well: who cannot get out goes on trying in the next bar. Takers may always have
  `depth_floor_usd`: the quotes of a market in which nobody trades.
- Reduce-only is clamped to the position at each execution and cancelled when there is
  none; so is any sale on a spot market.
- Margin is asked for at the door and again before the first taking: "margin".
- At one ms: expiry, arrival, matching, cancel; older orders first.
"""

from collections.abc import Callable
from decimal import Decimal

from actors.domain.bars import Instrument
from actors.domain.money import ZERO, floor_to
from actors.domain.orders import (
    ExchangeUpdate,
    OrderKind,
    OrderRequest,
    OrderState,
)
from actors.exchange.paper.account import Account, PaperOrder, Stage
from actors.exchange.paper.book import PaperSettings
from actors.exchange.paper.liquidity import Liquidity

NEVER_MS = 2**62


class Market:
    """One symbol: its live orders, and the liquidity they meet."""

    def __init__(
        self,
        instrument: Instrument,
        settings: PaperSettings,
        account: Account,
        tell: Callable[[ExchangeUpdate], None],
    ) -> None:
        self.instrument = instrument
        self.liquidity = Liquidity(instrument, settings)
        self.orders: dict[str, PaperOrder] = {}
        self.due_ms = NEVER_MS  # the next moment at which something may happen
        self._refill_ms = settings.refill_ms
        self._account = account
        self._tell = tell

    def plan(self, now_ms: int) -> int:
        """Find and keep the next moment, not before `now_ms`; NEVER_MS: none."""
        due = min(
            (self._due(o, now_ms) for o in self.orders.values()), default=NEVER_MS
        )
        self.due_ms = max(due, now_ms)
        return self.due_ms

    def play(self, ts_ms: int) -> None:
        """Let everything happen that is due at `ts_ms`."""
        for client_id in tuple(self.orders):
            order = self.orders.get(client_id)  # an older one may have ended it
            if order is not None:
                self._play_order(order, ts_ms)

    def would_cross(self, request: OrderRequest, ts_ms: int) -> bool:
        """Whether a LIMIT would trade at once; False while no bar is laid out."""
        assert request.limit_price is not None, f"{request.client_id} has no limit"
        sign = request.side.sign
        return self.liquidity.crosses(sign, request.limit_price, ts_ms)

    def _due(self, order: PaperOrder, now_ms: int) -> int:
        due = NEVER_MS if order.cancel_ms is None else order.cancel_ms
        if order.request.expires_ms is not None:
            due = min(due, order.request.expires_ms)
        if order.stage is Stage.TRAVELLING:
            return min(due, order.arrival_ms)
        return min(due, self._match_due(order, now_ms))

    def _match_due(self, order: PaperOrder, now_ms: int) -> int:
        """Return when the path lets the order trade; NEVER_MS: not in this bar."""
        path = self.liquidity.path
        if path is None:
            return NEVER_MS
        from_ms = max(now_ms, order.wake_ms, path.open_ms)
        if order.stage is Stage.WORKING:
            return from_ms if from_ms <= path.close_ms else NEVER_MS
        assert order.level is not None, f"{order.request.client_id} rests at no level"
        rising = order.request.side.sign > 0
        if order.request.kind is OrderKind.LIMIT:
            rising = not rising
        due = path.first_touch(float(order.level), rising=rising, from_ms=from_ms)
        return NEVER_MS if due is None else due

    def _play_order(self, order: PaperOrder, ts_ms: int) -> None:
        request, before = order.request, order.filled
        if request.expires_ms is not None and request.expires_ms <= ts_ms:
            self._end(order, "expired", ts_ms)
            return
        arriving = order.stage is Stage.TRAVELLING
        if arriving and (order.arrival_ms > ts_ms or not self._arrive(order, ts_ms)):
            return
        # A cancel loses to a fill of its own ms; learnt of late, it still came first.
        cancel_ms = NEVER_MS if order.cancel_ms is None else order.cancel_ms
        while (
            self._is_live(order)
            and cancel_ms >= ts_ms
            and self._match_due(order, ts_ms) <= ts_ms
        ):
            self._match(order, ts_ms)
        if not self._is_live(order):
            return
        if cancel_ms <= ts_ms:
            self._end(order, "user", ts_ms)
        elif arriving or order.filled > before:
            self._tell(order.word(order.live_state, "", ts_ms))

    def _arrive(self, order: PaperOrder, ts_ms: int) -> bool:
        """Let the order into the book, or cancel it and return False."""
        request, account = order.request, self._account
        stop = request.kind is OrderKind.STOP_MARKET
        order.stage = Stage.RESTING if stop else Stage.WORKING
        order.level = request.stop_price
        if account.is_reducing(request) and not (
            account.reducible(request.symbol, request.side)
        ):
            self._end(order, "reduce_only", ts_ms)
            return False
        return True

    def _match(self, order: PaperOrder, ts_ms: int) -> None:
        """Trade what can be traded now, or say when to look again."""
        request = order.request
        if request.kind is not OrderKind.LIMIT:
            order.stage = Stage.WORKING  # a stop is touched
            self._take(order, ts_ms)
        elif order.stage is Stage.RESTING:
            self._make(order, ts_ms)
        elif not self.would_cross(request, ts_ms):
            self._rest(order, ts_ms)
        elif request.post_only:
            self._end(order, "post_only", ts_ms)
        else:
            self._take(order, ts_ms)

    def _rest(self, order: PaperOrder, ts_ms: int) -> None:
        limit, price = order.request.limit_price, self.liquidity.price_at(ts_ms)
        assert limit is not None, f"{order.request.client_id} has no limit"
        assert price is not None, "an order comes to rest beside a price"
        tick = self.instrument.tick_size
        buys = order.request.side.sign > 0
        order.level = min(limit, price) - tick if buys else max(limit, price) + tick
        order.stage = Stage.RESTING

    def _make(self, order: PaperOrder, ts_ms: int) -> None:
        path, limit = self.liquidity.path, order.request.limit_price
        assert path is not None, "nothing is made without a path"
        assert limit is not None, f"{order.request.client_id} has no limit"
        order.wake_ms = path.close_ms + 1  # if this is not all, the bar has no more
        quantity = self._allowed(order, self.liquidity.maker_left())
        if quantity > ZERO:
            self._fill(order, quantity, limit, ts_ms, maker=True)

    def _take(self, order: PaperOrder, ts_ms: int) -> None:
        path, request = self.liquidity.path, order.request
        assert path is not None, "nothing is taken without a path"
        if order.fills == 0 and self._lacks_margin(order):
            self._end(order, "margin", ts_ms)
            return
        allowed = self._allowed(order, self.liquidity.taker_left())
        order.wake_ms = ts_ms + self._refill_ms if allowed else path.close_ms + 1
        quantity, price = self.liquidity.walk(
            request.side.sign, allowed, request.limit_price, ts_ms
        )
        if quantity > ZERO:
            self._fill(order, quantity, price, ts_ms, maker=False)
        banded = request.kind is OrderKind.MARKET and request.limit_price is not None
        if banded and self._is_live(order):
            self._end(order, "band", ts_ms)

    def _lacks_margin(self, order: PaperOrder) -> bool:
        """Whether a taker can no longer pay: the door may have known no price."""
        account = self._account
        opens = account.margin_to_open(order.request, order.remaining) > ZERO
        return opens and account.margin_used() > account.equity()

    def _allowed(self, order: PaperOrder, volume_left: Decimal) -> Decimal:
        """Return what the order, the position and the bar's volume leave to trade."""
        quantity = min(order.remaining, volume_left)
        if self._account.is_reducing(order.request):
            held = self._account.reducible(order.request.symbol, order.request.side)
            quantity = min(quantity, held)
        return max(floor_to(quantity, self.instrument.lot_size), ZERO)

    def _fill(
        self,
        order: PaperOrder,
        quantity: Decimal,
        price: Decimal,
        ts_ms: int,
        *,
        maker: bool,
    ) -> None:
        self.liquidity.use(quantity)
        self._tell(self._account.apply(order, quantity, price, (ts_ms, maker)))
        if order.remaining == ZERO:
            self._end(order, "", ts_ms)
        for other in tuple(self.orders.values()):
            request, arrived = other.request, other.stage is not Stage.TRAVELLING
            if (
                arrived
                and self._account.is_reducing(request)
                and not self._account.reducible(request.symbol, request.side)
            ):
                self._end(other, "reduce_only", ts_ms)

    def _is_live(self, order: PaperOrder) -> bool:
        return order.request.client_id in self.orders

    def _end(self, order: PaperOrder, reason: str, ts_ms: int) -> None:
        done = order.remaining == ZERO
        del self.orders[order.request.client_id]
        state = OrderState.FILLED if done else OrderState.CANCELLED
        last_word = order.word(state, reason, ts_ms)
        self._account.end(last_word)
        self._tell(last_word)
