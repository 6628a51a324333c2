"""From signals to entry orders: ranked, limited, sized, journalled, sent.

All signals of one closed step are weighed together, best score first, so that the
order in which symbols happened to answer decides nothing. Check and reservation are
one turn of one actor: two signals cannot both pass the same last slot.
"""

from collections.abc import Iterator
from itertools import chain

from actors.clockguard import CONSEQUENCES, ClockVerdict
from actors.domain import caps, limits, sizing
from actors.domain.market_limits import MarketCheck, judge_market, market_rows
from actors.domain.messages import Signal, WhyNot
from actors.domain.money import ceil_to, floor_to
from actors.domain.orders import OrderKind, OrderRequest, OrderState, Side
from actors.journal import Stage
from actors.risk.account.desk import Desk
from actors.risk.orders.orders import OrderBook
from actors.risk.orders.records import OrderRecord, SignalSized


class Entries:
    """Turns signals into entries, or into refusals with one reason each."""

    def __init__(self, desk: Desk, orders: OrderBook) -> None:
        self._desk = desk
        self._orders = orders

    async def consider(self, signals: list[Signal]) -> None:
        """Weigh the signals of one step and send the entries that pass.

        All intents of the step share one commit.
        """
        ranked = sorted(signals, key=self._place)
        planned = [
            record
            for rank, signal in enumerate(ranked, start=1)
            if (record := self._weigh(signal, rank)) is not None
        ]
        for record in await self._orders.send_all(planned) if planned else ():
            self._sent(record)

    def _place(self, signal: Signal) -> tuple[bool, float, float, str]:
        """Best score first; what is only watched takes no place from what may enter."""
        rules = self._desk.ports.live
        watched = rules is not None and signal.symbol not in rules.allowed
        return watched, -signal.score, -signal.confidence, signal.symbol

    def _weigh(self, signal: Signal, rank: int) -> OrderRecord | None:
        """Plan one signal's entry, or refuse it."""
        desk, state = self._desk, self._desk.state
        state.counts["signals"] += 1
        for stage in (Stage.SCAN, Stage.LEVELS, Stage.SIGNAL):
            desk.checkpoint(stage, signal.symbol, signal.correlation)
        desk.publish("signals", "SIGNAL", signal)
        refusal = self._refusal(signal, rank)
        if refusal is not None:
            self._refuse(signal, refusal)
            return None
        state.sizing = signal.symbol
        desk.lead(f"{signal.kind} signal", signal.symbol)
        planned = self._size(signal)
        state.sizing = None
        desk.lead("sized" if planned else "not sized", signal.symbol)
        return planned

    def _refuse(self, signal: Signal, why: WhyNot, outcome: str = "refused") -> None:
        """End a signal without a trade; what becomes of it is followed."""
        self._desk.refuse(signal.symbol, why, outcome)
        self._desk.ports.refused(signal)

    def _refusal(self, signal: Signal, rank: int) -> WhyNot | None:
        """Name the first rule that refuses a signal before it is sized."""
        for broken in chain(self._not_now(signal), self._too_much(signal, rank)):
            reason, value, threshold = map(str, broken)
            return WhyNot(signal.correlation, "limits", reason, value, threshold)
        return None

    def _not_now(self, signal: Signal) -> Iterator[tuple[object, object, object]]:
        """Why no entry of this symbol is taken at this moment, whatever its size."""
        desk, state = self._desk, self._desk.state
        if not (state.gate_open and state.settled):
            phase = desk.machine.phase if state.settled else "not settled"
            yield "entries_closed", phase, "running"
        quote = state.instruments[signal.symbol].quote
        if quote not in limits.ACCOUNT_QUOTES:
            yield "foreign_quote", quote, "a dollar quote"
        rules = desk.ports.live
        if rules is not None and signal.symbol not in rules.allowed:
            yield "not_allowed", signal.symbol, "one of live.symbols"
        away = state.no_entries(signal.symbol)
        if away is not None:
            yield "symbol_unavailable", away, ""
        shut = desk.ports.shut()
        if shut is not None:
            yield "exchange_shut", shut, "an exchange that answers"
        verdict = desk.ports.clock_verdict()
        if not CONSEQUENCES[verdict].entries:
            yield "clock_offset", verdict, ClockVerdict.WARN
        data = desk.ports.feed(signal.symbol)
        if data is not None and not data.consequence.entries:
            yield f"old_data_{data.age}", data.value_text, data.limit_ms

    def _too_much(
        self, signal: Signal, rank: int
    ) -> Iterator[tuple[object, object, object]]:
        """Which limit one more entry would break."""
        desk, state = self._desk, self._desk.state
        age_ms = desk.now_ms - signal.ts_ms
        if age_ms >= state.timeframe_ms:
            yield "late_signal", age_ms, state.timeframe_ms
        rank_max = desk.preset.scanner_config.max_candidates
        if rank > rank_max:
            yield "rank", rank, rank_max
        found = limits.breach(state.account(desk.now_ms), signal)
        found = found or self._market(signal).breach
        if found is not None:
            yield found.reason, found.value_text, found.threshold

    def _market(self, signal: Signal) -> MarketCheck:
        """Hold a signal against a price that it was not made from, and the way out."""
        preset, reference = self._desk.preset, self._desk.ports.reference(signal.symbol)
        rows = market_rows(preset, signal, reference)
        self._desk.state.market_seen = (signal.symbol, rows)
        return judge_market(rows)

    def _size(self, signal: Signal) -> OrderRecord | None:
        """Size a signal and plan its entry, or refuse it."""
        desk, state = self._desk, self._desk.state
        instrument = state.instruments[signal.symbol]
        account, rules = state.account(desk.now_ms), desk.ports.live
        first = None if rules is None else rules.cap(len(desk.book.closed))
        room = caps.room(account, signal, instrument, first)
        sized = sizing.size(signal, desk.preset, instrument, room)
        if isinstance(sized, sizing.TooSmall):
            value, threshold = str(sized.value), str(sized.threshold)
            why = WhyNot(signal.correlation, "sizing", sized.reason, value, threshold)
            self._refuse(signal, why)
            return None
        if sized.notional > room.correlated_warn:
            over = sized.notional - room.correlated_warn
            desk.alert(
                "warning",
                "internal",
                f"correlated exposure passes its warning by {over:.2f}",
                "the entry goes on; more of the same side will be refused",
                signal.symbol,
            )
        desk.checkpoint(Stage.SIZED, signal.symbol, signal.correlation)
        return self._plan(signal, sized)

    def _plan(self, signal: Signal, sized: sizing.Sized) -> OrderRecord:
        """Plan a market order inside a band: what it cannot get there is not taken."""
        desk, state = self._desk, self._desk.state
        tick = state.instruments[signal.symbol].tick_size
        worst = sizing.worst_price(signal, desk.preset)
        # Onto the grid towards the entry: never a tick beyond what was reserved.
        inwards = floor_to if signal.side is Side.LONG else ceil_to
        skipped = self._market(signal).skipped
        unchecked = f", UNKNOWN: {', '.join(skipped)}" if skipped else ""
        request = OrderRequest(
            client_id="",
            symbol=signal.symbol,
            side=signal.side,
            kind=OrderKind.MARKET,
            quantity=sized.quantity,
            limit_price=inwards(worst, tick),
            expires_ms=desk.now_ms + state.timeframe_ms,
        )
        record = self._orders.plan(
            request,
            correlation=signal.correlation,
            purpose="entry",
            reason=f"{signal.kind}, size bound by {sized.binding}{unchecked}",
            risk_usd=sized.risk_usd,
            notional=sized.notional,
        )
        desk.account(SignalSized(signal, state.equity), signal.symbol)
        day, notional = desk.book.day, sized.notional
        desk.set_day(limits.opened(day, signal.symbol, notional, desk.now_ms))
        return record

    def _sent(self, record: OrderRecord) -> None:
        desk = self._desk
        if record.state is OrderState.REFUSED:
            self.failed(record)
            return
        desk.checkpoint(Stage.SENT, record.request.symbol, record.correlation)
        desk.lead("entry order in flight", record.request.symbol)

    def failed(self, record: OrderRecord) -> None:
        """Mark a signal failed: its entry ended without a fill."""
        desk = self._desk
        desk.state.counts["entries_failed"] += 1
        # An exchange's refusal is free text: a value, never the name of a reason.
        refused = record.state is OrderState.REFUSED
        whynot = WhyNot(
            record.correlation,
            "execution",
            "refused" if refused else record.outcome or "no_fill",
            record.outcome if refused else str(record.filled),
            str(record.request.quantity),
        )
        signal = desk.book.signals.get(record.correlation)
        if signal is None:  # so long ago that it is not at hand any more
            desk.refuse(record.request.symbol, whynot, outcome="failed")
        else:
            self._refuse(signal, whynot, outcome="failed")
        desk.lead("entry ended without a fill", record.request.symbol)
