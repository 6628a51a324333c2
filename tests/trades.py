"""Signals, fills, positions and bars of one symbol, for tests of the pure domain."""

from decimal import Decimal
from typing import Any

import msgspec

from actors.domain import ledger
from actors.domain.ledger import Position
from actors.domain.messages import Signal, WatchedBar
from actors.domain.orders import Fill, Side
from actors.domain.phases import TradePhase
from config.preset import ExitRules, PositionConfig, TakeProfit

SYMBOL = "AAA/USDT:USDT"
HOUR_MS = 3_600_000
OPENED_MS = 1_700_000_000_000
D = Decimal


def signal(side: Side = Side.LONG, **changes: Any) -> Signal:
    """A signal at 100 with its stop 2 away and ATR 1."""
    given = {
        "correlation": "c-1",
        "symbol": SYMBOL,
        "ts_ms": OPENED_MS,
        "side": side,
        "kind": "momentum",
        "entry": D(100),
        "stop": D(100) - 2 * side.sign,
        "targets": (),
        "level": None,
        "confidence": 0.5,
        "score": 1.0,
        "atr": D(1),
        "opposite_depth_usd": None,
        "spread_bps": None,
        "stamps": (),
    }
    return Signal(**(given | changes))


def fill(
    side: Side,
    quantity: Decimal | int | str,
    price: Decimal | int | str,
    fee: Decimal | int | str = 0,
    ts_ms: int = OPENED_MS,
) -> Fill:
    return Fill(
        trade_id="t-1",
        client_id="bx1-1",
        symbol=SYMBOL,
        side=side,
        quantity=D(quantity),
        price=D(price),
        fee=D(fee),
        maker=False,
        ts_ms=ts_ms,
    )


def planned(side: Side = Side.LONG, **changes: Any) -> Position:
    """A position before its first fill: stop 2 away from 100."""
    stop = D(100) - 2 * side.sign
    given = {
        "id": "p-1",
        "correlation": "c-1",
        "symbol": SYMBOL,
        "side": side,
        "kind": "momentum",
        "level": None,
        "stop": stop,
        "initial_stop": stop,
        "targets": (),
        "opened_ms": OPENED_MS,
        "updated_ms": OPENED_MS,
        "atr": D(1),
    }
    return Position(**(given | changes))


def running(side: Side = Side.LONG, **changes: Any) -> Position:
    """A position of 10 from 100, stop 2 away (1R is 2), in RUNNING."""
    entered = ledger.enter(planned(side), fill(side, 10, 100))
    position = ledger.move(entered, TradePhase.RUNNING)
    return msgspec.structs.replace(position, **changes)


def bar(
    close: Decimal | int | str,
    *,
    high: Decimal | int | str | None = None,
    low: Decimal | int | str | None = None,
    volume: int = 100,
    hours: Decimal | int | str = 1,
) -> WatchedBar:
    """A closed bar, `hours` after the position opened."""
    last = D(close)
    top, bottom = D(high or last), D(low or last)
    ts_ms = OPENED_MS + int(D(hours) * HOUR_MS)
    return WatchedBar(SYMBOL, ts_ms, last, top, bottom, last, D(volume))


#: Every early exit off: nothing but the stop is managed.
QUIET = ExitRules(
    failed_breakout_bars=0,
    weak_impulse_bars=0,
    stall_hours=D(0),
    max_hold_hours=D(1_000_000),
)


def rules(exits: ExitRules = QUIET, **changes: Any) -> PositionConfig:
    given: dict[str, Any] = {
        "tp_levels": (TakeProfit(level_r=D("1.5"), size=D("0.4")),),
        "exit_rules": exits,
    }
    return PositionConfig(**(given | changes))
