"""What a person may do about a difference, and what it would send: asked first.

Nothing that is not ours is touched unasked. `reconcile` shows each difference with an
id and what each policy would do; `settle` does it, if the difference is still the one
that was shown. What was decided is journalled before anything is sent.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from actors.domain.messages import Command
from actors.domain.money import ZERO, floor_to
from actors.domain.orders import Fill, OrderKind, OrderRequest, Side
from actors.domain.truth import Difference, DifferenceKind, Policy
from actors.domain.views import DifferenceRow
from actors.risk.account.desk import Desk
from actors.risk.holding.positions import Positions
from actors.risk.orders.doubts import surely_late_ms
from actors.risk.orders.orders import UNSEEN, OrderBook
from actors.risk.orders.records import FLATTEN, DustLeft, SymbolHalted
from actors.risk.truth.adoption import Adoption
from actors.risk.truth.differences import SIGHTINGS, plain
from actors.risk.truth.requests import Refusal
from actors.risk.truth.settlement import Settlement

P, D = Policy, DifferenceKind
#: So many differences are told in words.
PREVIEWED_MAX = 50


class Policies:
    """Shows and settles differences."""

    def __init__(
        self,
        desk: Desk,
        orders: OrderBook,
        positions: Positions,
        settlement: Settlement,
        fill: Callable[[Fill], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._positions = positions
        self._differences = settlement.differences
        self._fill = fill
        self._adoption = Adoption(desk, settlement.differences)

    # --- what is shown ----------------------------------------------------------------

    def rows(self) -> tuple[DifferenceRow, ...]:
        """Show every difference, with what each policy would do."""
        return tuple(
            DifferenceRow(
                id=d.id,
                kind=d.kind,
                symbol=d.symbol,
                subject=d.subject,
                ours=d.ours,
                theirs=d.theirs,
                first_ms=d.first_ms,
                seen=d.seen,
                policy=d.policy,
                would=self._would(d),
            )
            for d in self._differences.all()
        )

    def preview(self) -> str:
        """Say the same in words: a line each, and one for all that may be done."""
        rows = self.rows()
        lines = []
        for row in rows[:PREVIEWED_MAX]:
            lines.append(
                f"{row.id} {row.kind} of {row.symbol or 'the account'}: ours "
                f"{row.ours}, the exchange's {row.theirs}; seen {row.seen} times; "
                f"now: {row.policy}"
            )
            lines += [f"  {policy}: {act}" for policy, act in row.would.items()]
        if len(rows) > PREVIEWED_MAX:
            lines.append(f"and {len(rows) - PREVIEWED_MAX} more: GET /api/reconcile")
        return "\n".join(lines) or "our book is the exchange's: nothing differs"

    def _would(self, difference: Difference) -> dict[str, str]:
        """Say what each allowed policy would do."""
        halt = {P.HALT.value: "takes no entries in the symbol and touches nothing"}
        ignore = {P.IGNORE.value: "leaves it alone and trades on beside it"}
        match difference.kind:
            case D.FOREIGN_ORDER:
                cancel = {P.FLATTEN.value: f"cancels {difference.subject}"}
                return cancel | ignore | halt
            case D.FILLS_MISSING:
                book = f"books fills of {difference.subject} up to {difference.theirs}"
                return {P.ADOPT.value: book} | halt
            case D.POSITION:
                return self._would_position(difference) | ignore | halt
            case D.BALANCE:
                return {P.ADOPT.value: "is done by itself at the second sighting"}

    def _would_position(self, difference: Difference) -> dict[str, str]:
        acts: dict[str, str] = {}
        symbol = difference.symbol
        if symbol not in self._desk.state.instruments:
            return acts  # no order can be written there, nor asked for
        book = f"books {difference.theirs} for {difference.ours}"
        if self._adoption.target(symbol):
            acts[P.PROTECT.value] = acts[P.ADOPT.value] = f"{book}, places a stop"
        else:
            gone = self._swept(symbol)
            acts[P.ADOPT.value] = f"{book}{gone}, sends nothing"
        side, quantity = self._excess(symbol)
        if quantity:
            order = f"sends a reduce-only market order {side} {plain(quantity)}"
            acts[P.FLATTEN.value] = order
        return acts

    def _swept(self, symbol: str) -> str:
        """Say what dust of ours the exchange does not show any more."""
        swept = self._adoption.swept(symbol)
        return f", the dust of {plain(swept)} is gone" if swept else ""

    def _excess(self, symbol: str) -> tuple[Side, Decimal]:
        """What would close the part of their position that is not ours."""
        held = self._adoption.target(symbol)
        gap = held - self._desk.book.ours(symbol)
        side = Side.SHORT if held > ZERO else Side.LONG
        quantity = min(abs(gap), abs(held)) if gap * held > ZERO else ZERO
        known = self._desk.state.instruments.get(symbol)
        return side, floor_to(quantity, known.lot_size) if known else quantity

    # --- what is done -----------------------------------------------------------------

    async def settle(self, command: Command) -> str:
        """Carry out a person's decision. Raises Refusal."""
        args = command.args
        symbol, policy = str(args.get("symbol", "")), _policy(args.get("policy"))
        if args.get("confirm") != symbol:
            msg = f"settle: confirm is {args.get('confirm')!r}; it must be {symbol!r}"
            raise Refusal(msg)
        if not self._differences.of(symbol):
            return self._nothing_differs(symbol, policy)
        found = self._found(symbol, args.get("id"))
        allowed = self._would(found)
        if policy not in allowed or found.kind is D.BALANCE:
            msg = (
                f"settle: {policy} is not possible here; allowed: {', '.join(allowed)}"
            )
            raise Refusal(msg)
        by = f"{command.principal} as {command.role}"
        if policy in {P.HALT, P.IGNORE}:
            return self._leave(found, policy, by)
        self._require_sure(found)
        if found.kind is D.FOREIGN_ORDER:
            return await self._cancel(found, by)
        if found.kind is D.FILLS_MISSING:
            return await self._fill_up(found, by)
        if policy is P.FLATTEN:
            return await self._flatten(found, by)
        return await self._adopt(found, policy, by, args.get("stop"))

    def _found(self, symbol: str, wanted: Any) -> Difference:
        """Find the difference that was shown, if it is still the same."""
        found = self._differences.of(symbol)
        for difference in found:
            if difference.id == wanted:
                return difference
        known = ", ".join(d.id for d in found)
        msg = f"settle: {symbol} has no difference {wanted!r} (any more); now: {known}"
        raise Refusal(msg)

    def _require_sure(self, difference: Difference) -> None:
        """Refuse to act on what was seen once, or may be an order still on its way."""
        if difference.seen < SIGHTINGS:
            msg = f"settle: {difference.id} was seen once; reconcile again, then settle"
            raise Refusal(msg)
        symbol, book, desk = difference.symbol, self._desk.book, self._desk
        missing = {d.kind for d in self._differences.of(symbol)} & {D.FILLS_MISSING}
        if missing and difference.kind is D.POSITION:
            msg = f"settle: settle the missing fills of {symbol} first; they explain it"
            raise Refusal(msg)
        known = {plain(book.expected(symbol)), plain(book.ours(symbol))}
        if difference.kind is D.POSITION and difference.ours not in known:
            msg = f"settle: our position of {symbol} has changed; reconcile again"
            raise Refusal(msg)
        sure_ms = surely_late_ms(desk.ports.exchange.capabilities)
        for order in book.orders.values():
            young = order.state in UNSEEN and desk.now_ms < order.created_ms + sure_ms
            if order.request.symbol == symbol and (young or order.purpose == FLATTEN):
                msg = f"settle: order {order.client_id} is on its way; wait for its end"
                raise Refusal(msg)

    def release(self, symbol: str) -> str:
        """Release a halted symbol, if it is as the exchange has it; raises Refusal."""
        found = self._differences.of(symbol)
        if found:
            names = ", ".join(difference.id for difference in found)
            msg = f"{symbol} differs from the exchange: settle {names} first"
            raise Refusal(msg)
        return self._nothing_differs(symbol, P.ADOPT)

    def _nothing_differs(self, symbol: str, policy: Policy) -> str:
        """Release a symbol that was halted for what is no more."""
        if policy is not P.ADOPT or symbol not in self._desk.book.halted:
            msg = (
                f"settle: nothing of {symbol!r} differs; adopt releases a halted symbol"
            )
            raise Refusal(msg)
        if not self._desk.state.settled:
            msg = f"settle: {symbol} was not held against the exchange yet; reconcile"
            raise Refusal(msg)
        return self._released(symbol, f"{symbol} is as the exchange has it")

    def _released(self, symbol: str, done: str) -> str:
        """Let a symbol trade again, unless something else of it still differs."""
        halted = symbol in self._desk.book.halted
        if self._differences.halting(symbol) or not halted:
            return done + (f"; {symbol} stays halted" if halted else "")
        self._desk.account(SymbolHalted(symbol, None), symbol)
        return f"{done}; {symbol} takes entries again"

    def _leave(self, difference: Difference, policy: Policy, by: str) -> str:
        """Touch nothing: trade on beside it, or not."""
        symbol, offset = difference.symbol, ZERO
        if difference.kind is D.POSITION and policy is P.IGNORE:
            offset = self._adoption.beside(symbol)
        self._differences.decide(difference, policy, by, offset)
        if policy is P.IGNORE:
            return self._released(symbol, f"{difference.id} is left alone")
        self._desk.halt_symbol(symbol, f"{difference.kind}: halted by {by}")
        return f"{symbol} takes no entries"

    async def _cancel(self, difference: Difference, by: str) -> str:
        """Cancel a foreign order."""
        order = self._differences.foreign[difference.key]
        self._differences.decide(difference, P.FLATTEN, by)
        await self._desk.ports.journal.commit()
        outcome = await self._orders.cancel_stray(order.request)
        return f"cancel of {difference.subject} was sent: {outcome}; reconcile shows it"

    async def _fill_up(self, difference: Difference, by: str) -> str:
        """Book the fills of an order that the exchange counts and does not list."""
        fill = self._adoption.missing(difference)
        answer = self._booked(
            difference, P.ADOPT, by, f"{fill.quantity} at {fill.price}"
        )
        await self._fill(fill)
        return answer

    async def _adopt(
        self, difference: Difference, policy: Policy, by: str, stop: Any
    ) -> str:
        """Take the exchange's position for ours; what is held then has its stop."""
        symbol, fills = difference.symbol, self._adoption.fills(difference, stop)
        swept, what = self._swept(symbol), f"{difference.theirs} held"
        answer = self._booked(difference, policy, by, what + swept)
        if swept:
            self._desk.account(DustLeft(symbol, ZERO), symbol)
        for fill, begun in fills:
            await self._positions.adjust(fill, begun)
        return answer

    def _booked(
        self, difference: Difference, policy: Policy, by: str, what: str
    ) -> str:
        """Journal the decision and release the symbol, before anything is awaited."""
        self._differences.decide(difference, policy, by)
        self._differences.drop(difference)
        return self._released(difference.symbol, f"booked: {what}")

    async def _flatten(self, difference: Difference, by: str) -> str:
        """Close at the exchange what is not ours, reduce-only."""
        symbol = difference.symbol
        side, quantity = self._excess(symbol)
        name = self._adoption.name(difference)
        self._differences.decide(difference, P.FLATTEN, by)
        request = OrderRequest(
            client_id="",
            symbol=symbol,
            side=side,
            kind=OrderKind.MARKET,
            quantity=quantity,
            reduce_only=True,
        )
        planned = self._orders.plan(
            request,
            correlation=f"c-{name.removeprefix('a-')}",
            purpose=FLATTEN,
            reason=f"what is not ours, ordered by {by}",
        )
        sent = await self._orders.send(planned)
        return f"{side} {quantity} reduce-only: {sent.state} {sent.outcome}".rstrip()


def _policy(value: Any) -> Policy:
    try:
        return Policy(value)
    except ValueError:
        msg = f"settle: policy is {value!r}; allowed: {', '.join(Policy)}"
        raise Refusal(msg) from None
