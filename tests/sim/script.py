"""What a scripted symbol may find on a bar."""

from decimal import Decimal
from typing import Any

from actors.domain.findings import FindingKind
from actors.domain.messages import Signal
from actors.domain.orders import Side

Found = tuple[dict[str, Any], ...]


def signal(side: int = 1, stop: float = 95.0, target: float = 0.0) -> Found:
    """A candidate that becomes a signal at the bar's close."""
    return (
        {"kind": FindingKind.CANDIDATE, "side": side, "score": 1.0},
        {"kind": FindingKind.LEVELS, "side": side, "value": 2.0},
        {"kind": FindingKind.ARMED, "side": side, "level": 100.0, "level_id": 1},
        {
            "kind": FindingKind.SIGNAL,
            "side": side,
            "stop": stop,
            "target": target,
            "atr": 1.0,
            "score": 1.0,
            "confidence": 0.5,
        },
    )


def whynot() -> Found:
    """A candidate that comes to nothing."""
    return (
        {"kind": FindingKind.CANDIDATE, "side": 1, "score": 1.0},
        {"kind": FindingKind.WHYNOT, "reason": 1, "value": 1.0, "threshold": 2.0},
    )


def armed() -> Found:
    """A candidate that has levels and waits at one; its bar gives no signal."""
    return (
        {"kind": FindingKind.CANDIDATE, "side": 1, "score": 1.0},
        {"kind": FindingKind.LEVELS, "side": 1, "value": 2.0},
        {"kind": FindingKind.ARMED, "side": 1, "level": 100.0, "level_id": 1},
        {"kind": FindingKind.WHYNOT, "reason": 1, "value": 1.0, "threshold": 2.0},
    )


def disarmed() -> Found:
    """The symbol no longer waits."""
    return ({"kind": FindingKind.DISARMED, "reason": 1},)


def leave(side: int = 1) -> Found:
    """The strategy wants its position closed."""
    return ({"kind": FindingKind.EXIT, "side": side, "reason": 2},)


def idea(symbol: str, ts_ms: int) -> Signal:
    """A signal as a message, for a test that speaks to the risk actor itself."""
    return Signal(
        correlation=f"c-{symbol}-{ts_ms}",
        symbol=symbol,
        ts_ms=ts_ms,
        side=Side.LONG,
        kind="scripted",
        entry=Decimal(100),
        stop=Decimal(95),
        targets=((Decimal(110), Decimal(1)),),
        level=None,
        confidence=0.5,
        score=1.0,
        atr=Decimal(1),
        opposite_depth_usd=None,
        spread_bps=None,
        stamps=(),
    )
