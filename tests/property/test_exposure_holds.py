"""Whatever comes: an entry that the limits let through breaks none when it is sent."""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain import caps, exposure, ledger, limits, sizing
from actors.domain.exposure import Entry
from actors.domain.ledger import Position
from actors.domain.limits import Account, Holding
from actors.domain.messages import Signal
from actors.domain.orders import OrderState, Side
from actors.domain.sizing import TooSmall, worst_price
from config.preset import Preset
from tests.presets import breakout_v1, changed, instrument
from tests.trades import OPENED_MS, fill, planned, signal

D = Decimal
SYMBOLS = [f"{name}/USDT:USDT" for name in "ABCDE"]
INSTRUMENTS = {symbol: instrument(symbol) for symbol in SYMBOLS}
EQUITY = D(10_000)
Numbers = st.SearchStrategy[Decimal]


def between(low: str, high: str) -> Numbers:
    return st.decimals(D(low), D(high), places=3)


steps = st.tuples(
    st.sampled_from(SYMBOLS),
    st.sampled_from(Side),
    between("0.01", "20"),  # distance of the stop
    st.integers(0, 40_000),  # ms before it
    st.sampled_from(["lost", "resting", "partial", "filled", "refused", "nothing"]),
)
rules = st.fixed_dictionaries(
    {
        "daily_risk_limit": between("0.02", "0.2"),
        "max_total_risk": between("0.02", "0.2"),
        "kill_switch_loss_limit": between("0.05", "0.3"),
        "max_concurrent_positions": st.integers(1, 5),
        "max_consecutive_losses": st.integers(1, 5),
        "max_same_direction_notional_ratio": between("0.5", "3"),
        "correlated_exposure_block": between("0.1", "1"),
        "leverage_max": between("1", "3"),
        "max_opens_per_minute": st.integers(1, 4),
        "max_position_size_usd": st.none() | between("500", "9000"),
        "max_notional_per_symbol_day_usd": st.none() | between("500", "9000"),
        "daily_loss_r_max": st.none() | between("0.5", "6"),
        "max_risk_per_trade": st.none() | between("0.015", "0.03"),
    }
)


def over(sent: Entry) -> bool:
    return sent.state in {OrderState.FILLED, OrderState.REFUSED}


class Book:
    """Sends what the limits let through, and lives on with what becomes of it."""

    def __init__(self, preset: Preset, realized_r: Decimal, losses: int) -> None:
        self.preset = preset
        self.now_ms = OPENED_MS
        self.day = msgspec.structs.replace(
            limits.open_day(EQUITY, OPENED_MS),
            realized_r=realized_r,
            consecutive_losses=losses,
        )
        self.positions: dict[str, Position] = {}
        self.entries: dict[str, Entry] = {}

    def account(self) -> Account:
        held = exposure.holdings(
            self.positions.values(), self.entries.values(), INSTRUMENTS
        )
        return Account(self.preset, self.day, EQUITY, held, self.now_ms)

    def exceeded(self) -> tuple[limits.Breach, ...]:
        held = tuple(self.worst(symbol) for symbol in SYMBOLS if self.holds(symbol))
        return exposure.exposure_breaches(self.preset, self.day, EQUITY, held)

    def holds(self, symbol: str) -> bool:
        sent = self.entries.get(symbol)
        return symbol in self.positions or (sent is not None and not over(sent))

    def worst(self, symbol: str) -> Holding:
        """Count by hand: all that filled, and all that was not proved to have ended."""
        sent, position = self.entries[symbol], self.positions.get(symbol)
        left = D(0) if over(sent) else sent.quantity - sent.filled
        notional = sent.notional / sent.quantity * left
        risk = sent.risk_usd / sent.quantity * left
        if position is not None:
            notional += position.open * position.mark
            risk += position.open * abs(position.entry - position.stop)
        bucket = f"USDT-{sent.side}"
        return Holding(symbol, sent.side, notional, risk, risk, bucket)

    def offer(self, one: Signal) -> bool:
        at, rules = self.account(), INSTRUMENTS[one.symbol]
        if limits.breach(at, one) is not None:
            return False
        sized = sizing.size(one, self.preset, rules, caps.room(at, one, rules))
        if isinstance(sized, TooSmall):
            return False
        self.entries[one.symbol] = Entry(
            symbol=one.symbol,
            side=one.side,
            state=OrderState.SENDING,
            quantity=sized.quantity,
            filled=D(0),
            notional=sized.notional,
            risk_usd=sized.risk_usd,
        )
        self.day = limits.opened(self.day, one.symbol, sized.notional, self.now_ms)
        return True

    def live_on(self, one: Signal, what: str) -> None:
        sent = self.entries[one.symbol]
        states = {
            "lost": OrderState.UNKNOWN,
            "resting": OrderState.OPEN,
            "partial": OrderState.UNKNOWN,
            "filled": OrderState.FILLED,
            "refused": OrderState.REFUSED,
            "nothing": OrderState.SENDING,
        }
        filled = {"partial": sent.quantity / 2, "filled": sent.quantity}.get(what, D(0))
        self.entries[one.symbol] = msgspec.structs.replace(
            sent, state=states[what], filled=filled
        )
        if filled:
            worst = worst_price(one, self.preset)
            new = planned(one.side, symbol=one.symbol, stop=one.stop)
            self.positions[one.symbol] = ledger.enter(
                new, fill(one.side, filled, worst, ts_ms=self.now_ms)
            )


@settings(max_examples=300)
@given(
    rules,
    between("-3", "3"),
    st.integers(0, 4),
    st.lists(steps, min_size=1, max_size=7),
)
def test_an_entry_that_passes_breaks_no_limit_at_its_worst(
    chosen: dict[str, Any], realized_r: Decimal, losses: int, given_steps: list[Any]
) -> None:
    preset = breakout_v1()
    for name, value in chosen.items():
        preset = changed(preset, f"risk.{name}", value)
    book = Book(preset, realized_r, losses)
    fine = book.exceeded() == ()  # the day may have begun beyond a limit
    for symbol, side, distance, wait_ms, what in given_steps:
        book.now_ms += wait_ms
        one = signal(side, symbol=symbol, stop=D(100) - distance * side.sign)
        if not book.offer(one):
            continue
        assert fine, "an account that is beyond a limit takes no entry"
        assert book.exceeded() == ()
        book.live_on(one, what)
        assert book.exceeded() == (), "nothing that becomes of it is worse"
