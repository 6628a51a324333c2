"""The book of one position: what was bought, what was sold, what it earned.

A position is a frozen record; every fill makes the next one. R, the unit in which
results are told, is frozen at the first moment the entry is complete: the distance
from the average entry to the first stop, times the size that was entered. Later stop
moves never change it.

An average may be a third of something, which no Decimal holds. So averages are for
people; the result of a closed position is what its exits brought less what its
entries cost, to the last digit, and shares booked on the way are round numbers.
"""

from decimal import Decimal

import msgspec

from actors.domain.messages import PositionView
from actors.domain.money import ZERO, nearest_to
from actors.domain.orders import Fill, Side
from actors.domain.phases import TRADE_MACHINE, TradePhase, check

ENDED = frozenset({TradePhase.CLOSED, TradePhase.DUST})
#: What a share of a result is rounded to while the position is open.
GRAIN = Decimal("1e-12")
#: What people read of a percentage.
PERCENT_GRAIN = Decimal("0.0001")


class Gaps(msgspec.Struct, frozen=True):
    """For how long what was held was not covered by stops that the exchange showed."""

    since_ms: int | None = None  # of the gap that is open; None: covered
    total_ms: int = 0  # of the gaps that have ended
    longest_ms: int = 0  # of the gaps that have ended
    alarmed: bool = False  # about the gap that is open

    def begun(self, ts_ms: int) -> "Gaps":
        """Open a gap."""
        return msgspec.structs.replace(self, since_ms=ts_ms, alarmed=False)

    def until_ms(self, ts_ms: int) -> int:
        """All gaps together, the open one up to `ts_ms`."""
        since_ms = ts_ms if self.since_ms is None else self.since_ms
        return self.total_ms + max(0, ts_ms - since_ms)

    def ended(self, ts_ms: int) -> "Gaps":
        """End the open gap, if there is one."""
        if self.since_ms is None:
            return self
        lasted_ms = max(0, ts_ms - self.since_ms)
        longest_ms = max(self.longest_ms, lasted_ms)
        return Gaps(None, self.total_ms + lasted_ms, longest_ms)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One position from its first fill to its end. Quantities are never negative."""

    id: str
    correlation: str
    symbol: str
    side: Side
    kind: str  # the signal's kind
    level: Decimal | None
    phase: TradePhase = TradePhase.ENTRY
    entered: Decimal = ZERO  # quantity bought (or sold short) in all
    open: Decimal = ZERO  # quantity still held
    over: Decimal = ZERO  # exits beyond all entries known so far; then nothing is open
    dust: Decimal = ZERO  # held, not tradable, written off or set aside
    entry: Decimal = ZERO  # average entry price
    exit: Decimal = ZERO  # average exit price
    entry_value: Decimal = ZERO  # price times quantity of all entry fills
    exit_value: Decimal = ZERO  # price times quantity of all exit fills
    stop: Decimal
    initial_stop: Decimal
    targets: tuple[tuple[Decimal, Decimal], ...]  # (price, fraction of `entered`)
    targets_hit: int = 0
    realized: Decimal = ZERO  # before fees
    fees: Decimal = ZERO
    opened_ms: int
    updated_ms: int
    closed_ms: int | None = None
    mark: Decimal = ZERO  # newest price
    best: Decimal = ZERO  # most favourable price seen
    worst: Decimal = ZERO  # least favourable price seen
    atr: Decimal
    bar_close: Decimal = ZERO  # of the newest whole bar; zero before the first
    bars_held: int = 0
    extremes: tuple[Decimal, ...] = ()  # favourable bar extremes, newest last
    volumes: tuple[Decimal, ...] = ()  # newest last
    entry_volume: Decimal = ZERO
    reason: str = ""
    close_wanted: str = ""  # why it is being closed, until it is
    part_wanted: Decimal = ZERO  # to be closed once the stop that locks it has gone
    part_reason: str = ""
    gaps: Gaps = Gaps()

    @property
    def net(self) -> Decimal:
        """What the fills add up to, signed, long positive."""
        return (self.open - self.over) * self.side.sign

    @property
    def r_unit(self) -> Decimal:
        """Price distance of one R: average entry to the first stop."""
        return abs(self.entry - self.initial_stop)

    @property
    def risk_usd(self) -> Decimal:
        """Money of one R, before fees."""
        return self.r_unit * self.entered

    @property
    def pnl_usd(self) -> Decimal:
        """Realised result after all fees paid so far."""
        return self.realized - self.fees

    @property
    def unrealized_usd(self) -> Decimal:
        """Result of what is still held, at the newest price, before exit fees."""
        return (self.mark - self.entry) * self.open * self.side.sign

    @property
    def ended(self) -> bool:
        """Whether nothing is left to manage."""
        return self.phase in ENDED

    def r_of(self, usd: Decimal) -> Decimal:
        """Tell money in units of this position's risk; zero while R is undefined."""
        return usd / self.risk_usd if self.risk_usd > ZERO else ZERO

    @property
    def mae_r(self) -> Decimal:
        """The most adverse excursion so far, in R, zero or less."""
        return min(ZERO, self.r_at(self.worst)) if self.worst else ZERO

    @property
    def mfe_r(self) -> Decimal:
        """The most favourable excursion so far, in R, zero or more."""
        return max(ZERO, self.r_at(self.best)) if self.best else ZERO

    def r_at(self, price: Decimal) -> Decimal:
        """Tell a price as a multiple of R away from entry, favourable positive."""
        if self.r_unit == ZERO:
            return ZERO
        return (price - self.entry) * self.side.sign / self.r_unit


def enter(position: Position, fill: Fill) -> Position:
    """Apply one fill that adds to the position, or makes good an exit before it."""
    assert fill.side is position.side, "an entry fill has the position's side"
    assert not position.ended, "an ended position takes no fill"
    entered = position.entered + fill.moved
    entry_value = position.entry_value + fill.price * fill.moved
    made_good = min(fill.moved, position.over)
    changed = msgspec.structs.replace(
        position,
        entered=entered,
        open=position.open + fill.moved - made_good,
        over=position.over - made_good,
        entry=entry_value / entered,
        entry_value=entry_value,
        fees=position.fees + fill.fee,
        updated_ms=fill.ts_ms,
        mark=fill.price,
        best=fill.price,
        worst=fill.price,
    )
    return _closed(changed, fill.ts_ms) if made_good else changed


def reduce(position: Position, fill: Fill, reason: str) -> Position:
    """Apply one fill that closes part or all of the position.

    What exceeds all known entries is kept in `over`: an entry's fill may come later
    than the exit it made possible. Who calls must say so where that happens.
    """
    assert fill.side is position.side.opposite, "an exit fill has the other side"
    assert not position.ended, "an ended position takes no fill"
    closed = min(fill.moved, position.open)
    exited = position.entered - position.open + position.over + fill.moved
    exit_value = position.exit_value + fill.price * fill.moved
    gained = (fill.price - position.entry) * closed * position.side.sign
    reduced = msgspec.structs.replace(
        position,
        open=position.open - closed,
        over=position.over + fill.moved - closed,
        exit=exit_value / exited,
        exit_value=exit_value,
        realized=position.realized + nearest_to(gained, GRAIN),
        fees=position.fees + fill.fee,
        updated_ms=fill.ts_ms,
        mark=fill.price,
        reason=reason,
    )
    return _closed(reduced, fill.ts_ms)


def _closed(position: Position, ts_ms: int) -> Position:
    """End a position of which nothing is left; its result is told to the last digit."""
    if position.open or position.over:
        return position
    value = position.exit_value - position.entry_value
    ended = move(position, TradePhase.CLOSED)
    return msgspec.structs.replace(
        ended, realized=value * position.side.sign, closed_ms=ts_ms
    )


def move(position: Position, phase: TradePhase) -> Position:
    """Change the trade phase; IllegalTransition when the table has no such edge."""
    if phase is position.phase:
        return position
    check(TRADE_MACHINE, position.phase, phase)
    return msgspec.structs.replace(position, phase=phase)


def view(
    position: Position,
    mode: str,
    *,
    stop_confirmed: bool,
    equity: Decimal | None = None,
) -> PositionView:
    """Show a position to the world; `equity` was the account's when it was sized."""
    percent = None
    if equity:
        percent = nearest_to(position.risk_usd / equity * 100, PERCENT_GRAIN)
    return msgspec.structs.replace(
        _outline(position, mode, stop_confirmed=stop_confirmed),
        signal=position.kind,
        initial_stop=position.initial_stop,
        entered=position.entered,
        exit=position.exit if position.exit_value else None,
        mark=position.mark,
        r_now=position.r_of(position.pnl_usd + position.unrealized_usd),
        risk_percent=percent,
        mae_r=position.mae_r,
        mfe_r=position.mfe_r,
        fees_usd=position.fees,
        level=position.level,
        targets_hit=position.targets_hit,
        close_wanted=position.close_wanted,
        unprotected_seconds=position.gaps.until_ms(position.updated_ms) / 1000,
    )


def _outline(position: Position, mode: str, *, stop_confirmed: bool) -> PositionView:
    return PositionView(
        id=position.id,
        symbol=position.symbol,
        side=position.side,
        phase=position.phase,
        entry=position.entry,
        stop=position.stop,
        targets=tuple(price for price, _ in position.targets),
        size=position.open,
        mode=mode,
        opened_ms=position.opened_ms,
        updated_ms=position.updated_ms,
        closed_ms=position.closed_ms,
        pnl_r=position.r_of(position.pnl_usd),
        pnl_usd=position.pnl_usd,
        unrealized_pnl_r=position.r_of(position.unrealized_usd),
        unrealized_pnl_usd=position.unrealized_usd,
        risk_usd=position.risk_usd,
        stop_confirmed=stop_confirmed,
        reason=position.reason,
    )
