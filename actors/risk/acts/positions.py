"""Closing by command: a part or all of a position, all positions, one order.

Whatever is sent only reduces. A part never leaves less behind than can be traded: then
all of it is closed, and the answer says so. A limit close rests at the exchange beside
the stop, which goes on covering all that is held; a protective stop itself is never
cancelled by a command.
"""

from decimal import Decimal
from typing import Any

from actors.domain import exits
from actors.domain.ledger import Position
from actors.domain.messages import Command
from actors.domain.money import ONE, ZERO, floor_to, number_of
from actors.domain.orders import OrderState
from actors.domain.phases import RUNNING_PHASES
from actors.risk.account.desk import Desk
from actors.risk.holding.closing import LIMIT_CLOSE
from actors.risk.holding.protection import Protection
from actors.risk.kill.killswitch import Kill
from actors.risk.orders.orders import OrderBook
from actors.risk.orders.records import GateChanged, OrderRecord
from actors.risk.truth.requests import Done, Refusal

MINUTE_MS = 60_000
#: What a person types to close everything.
FLATTEN = "FLATTEN"
#: A limit further from the newest price than this share of it is a slip of the hand.
LIMIT_OFF_MAX = Decimal("0.5")
#: None is smaller: it could not be reckoned with.
FRACTION_MIN = Decimal("1e-18")
MANUAL = "manual_close"
CANCELLABLE = frozenset({"entry", LIMIT_CLOSE})


class PositionActs:
    """Closes and cancels what a person names."""

    def __init__(
        self, desk: Desk, orders: OrderBook, protection: Protection, kill: Kill
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection
        self._kill = kill

    # --- one position ---------------------------------------------------------------

    async def close_position(self, command: Command) -> Done:
        """Close a fraction of a position, at market or by a limit order that rests."""
        position = self._position(command.args.get("id"))
        fraction = _fraction(command.args.get("fraction", 1))
        limit = self._limit(position, command.args.get("limit_price"))
        quantity, note = self._share(position, fraction)
        held = f"{position.open} held"
        if limit is None and quantity >= self._whole(position):
            await self._protection.close(position, MANUAL)
            return Done(f"closing all {position.open} at market{note}", held, "closing")
        self._require_free(position, quantity)
        if not self._protection.closing.overlap:
            return await self._part_of_locked(position, quantity, limit, note)
        sent = await self._protection.closing.part(position, quantity, limit, MANUAL)
        if sent.state is OrderState.REFUSED:
            msg = f"close_position: the exchange refused {quantity}: {sent.outcome}"
            raise Refusal(msg)
        how = "at market" if limit is None else f"at {limit} or better"
        text = f"closing {quantity} of {position.open} {how}{note}: order {sent.intent}"
        return Done(text, held, f"{sent.purpose} of {quantity} {sent.state}")

    async def _part_of_locked(
        self, position: Position, quantity: Decimal, limit: Decimal | None, note: str
    ) -> Done:
        """Close a part of what the stop locks: the stop goes before, and comes back."""
        if limit is not None:
            msg = (
                "close_position: no limit can rest beside the stop here, which locks "
                "what is held; leave limit_price out to close at market"
            )
            raise Refusal(msg)
        await self._protection.close_part(position, quantity, MANUAL)
        text = f"closing {quantity} of {position.open} at market{note}"
        held = f"{position.open} held"
        return Done(f"{text}: its stop goes first", held, f"close of {quantity} wanted")

    def _position(self, wanted: Any) -> Position:
        book = self._desk.book
        position = next((p for p in book.positions.values() if p.id == wanted), None)
        if position is None:
            known = ", ".join(p.id for p in book.positions.values()) or "none"
            msg = f"close_position: no open position {wanted!r}; open: {known}"
            raise Refusal(msg)
        if position.symbol in self._desk.state.not_held:
            msg = f"close_position: {position.symbol} is not held there; settle it"
            raise Refusal(msg)
        if position.close_wanted:
            msg = f"close_position: it is being closed already: {position.close_wanted}"
            raise Refusal(msg)
        return position

    def _whole(self, position: Position) -> Decimal:
        instrument = self._desk.state.instruments[position.symbol]
        return exits.orderable(position.open, instrument)

    def _share(self, position: Position, fraction: Decimal) -> tuple[Decimal, str]:
        """Say how much to close, and what must be said about it."""
        instrument = self._desk.state.instruments[position.symbol]
        whole = self._whole(position)
        if not whole:
            msg = f"close_position: {position.open} is too little to be traded"
            raise Refusal(msg)
        wanted = floor_to(position.open * fraction, instrument.lot_size)
        if fraction == ONE or wanted >= whole:
            return whole, ""
        if not exits.orderable(wanted, instrument):
            least = instrument.quantity_min / position.open
            msg = (
                f"close_position: fraction {fraction} of {position.open} is {wanted}; "
                f"the least that can be traded is {instrument.quantity_min}: close "
                f"{least:.4f} or more"
            )
            raise Refusal(msg)
        rest, worst = position.open - wanted, min(position.stop, position.mark)
        if not exits.tradable(rest, worst, instrument):
            return whole, f", as a rest of {rest} would be too little to be traded"
        return wanted, ""

    def _limit(self, position: Position, wanted: Any) -> Decimal | None:
        """Read a limit price; one that cannot be meant is refused."""
        if wanted is None:
            return None
        limit = _number("limit_price", wanted)
        # Compared before it is reckoned with: no Decimal holds every sum.
        low, high = (position.mark * (ONE + way * LIMIT_OFF_MAX) for way in (-1, 1))
        if limit > ZERO and not low <= limit <= high:
            msg = (
                f"close_position: limit_price {limit} is more than {LIMIT_OFF_MAX:.0%} "
                f"from the newest price, {position.mark}; leave it out to close at "
                "market"
            )
            raise Refusal(msg)
        tick = self._desk.state.instruments[position.symbol].tick_size
        if limit <= ZERO or limit % tick:
            msg = (
                f"close_position: limit_price is {limit}; it must be over 0 and a "
                f"multiple of the tick {tick}"
            )
            raise Refusal(msg)
        return limit

    def _require_free(self, position: Position, quantity: Decimal) -> None:
        """Refuse to close more than is left beside what closes already."""
        if position.part_wanted:
            msg = f"close_position: {position.part_wanted} is being closed already"
            raise Refusal(msg)
        closing = self._protection.closing.being_closed(position)
        taken = sum((order.unfilled for order in closing), ZERO)
        if quantity > position.open - taken:
            names = ", ".join(order.intent for order in closing)
            msg = (
                f"close_position: {taken} of {position.open} is being closed by "
                f"{names}; cancel that first, or close all at market"
            )
            raise Refusal(msg)

    # --- one order --------------------------------------------------------------------

    async def cancel_order(self, command: Command) -> Done:
        """Cancel an entry or a limit close."""
        record = self._order(command.args.get("id"))
        if record.purpose not in CANCELLABLE:
            msg = f"cancel_order: {record.intent} {_why_not(record)}"
            raise Refusal(msg)
        if record.cancel_wanted:
            return Done("it is being cancelled already", record.state, record.state)
        await self._orders.cancel(record)
        now = self._orders.known(record.client_id)
        text = f"cancelling {record.purpose} {record.intent}: the exchange decides"
        return Done(text, record.state, now.state)

    def _order(self, wanted: Any) -> OrderRecord:
        book = self._desk.book
        for record in book.orders.values():
            if wanted in {record.intent, record.client_id}:
                return record
        ended = next((o for o in book.ended.values() if wanted == o.intent), None)
        if ended is not None:
            msg = f"cancel_order: {wanted} has ended: {ended.state} {ended.outcome}"
            raise Refusal(msg.rstrip())
        msg = f"cancel_order: no live order {wanted!r}; GET /api/orders lists them"
        raise Refusal(msg)

    # --- all of them ------------------------------------------------------------------

    async def flatten(self, command: Command) -> Done:
        """Cancel entries, close everything, and take no more until resumed."""
        desk, state = self._desk, self._desk.state
        typed = command.args.get("confirm")
        if typed != FLATTEN:
            msg = (
                f"flatten refused: it closes every position and takes the typed word: "
                f'{{"confirm": "{FLATTEN}"}}, not {typed!r}'
            )
            raise Refusal(msg)
        held = list(state.book.positions.values())
        before = f"{desk.machine.phase}, {len(held)} positions"
        state.gate_open = False
        state.pause_wanted = desk.machine.phase in RUNNING_PHASES
        desk.account(GateChanged(paused=True, flat=True))
        await self._kill.cancel_entries()
        for position in held:
            await self._protection.close(position, "flatten")
        desk.lead("flatten requested")
        text = (
            f"closing {len(held)} positions at market, entries are cancelled; no new "
            "entry until resume"
        )
        return Done(text, before, f"{desk.machine.phase}, flattening")

    async def panic_exit(self, _command: Command) -> str:
        """Close every position at market; nothing else changes."""
        held = list(self._desk.book.positions.values())
        for position in held:
            await self._protection.close(position, "panic_exit")
        return f"closing {len(held)} positions at market"

    async def time_stop(self, command: Command) -> str:
        """Close what has been held for `minutes` (the preset's stall time) or more."""
        minutes, preset = command.args.get("minutes"), self._desk.state.preset
        if minutes is None:
            if preset is None:
                msg = "time_stop: no preset was started yet; close the positions"
                raise Refusal(msg)
            minutes = float(preset.position_config.exit_rules.stall_hours * 60)
        if not isinstance(minutes, int | float) or minutes < 0:
            msg = f"time_stop: minutes is {minutes!r}; it must be a number, 0 or more"
            raise Refusal(msg)
        oldest_ms = self._desk.now_ms - minutes * MINUTE_MS
        held = [
            position
            for position in self._desk.book.positions.values()
            if position.opened_ms <= oldest_ms
        ]
        for position in held:
            await self._protection.close(position, "time_stop")
        return f"closing {len(held)} positions held {minutes:g} minutes or longer"


def _number(name: str, value: Any) -> Decimal:
    number = number_of(value)
    if not number.is_finite() or isinstance(value, bool):
        msg = f"close_position: {name} is {value!r}; it must be a number"
        raise Refusal(msg)
    return number


def _fraction(value: Any) -> Decimal:
    fraction = _number("fraction", value)
    if not FRACTION_MIN <= fraction <= ONE:
        msg = (
            f"close_position: fraction is {value}; it must be over 0 and at most 1, "
            "where 1 closes all"
        )
        raise Refusal(msg)
    return fraction


def _why_not(record: OrderRecord) -> str:
    """Say why an order may not be cancelled by itself."""
    if record.purpose == "stop":
        return (
            "is a protective stop: without it the position could lose more than was "
            "risked; close the position instead"
        )
    if record.purpose.startswith("target"):
        return "is a take-profit of the position's plan; close the position instead"
    return "is at market and cannot be called back; it is asked for until it has ended"
