"""Ids are pure functions of what they name, so a replay gives the same ids."""

import hashlib
import re


def _digest(*parts: object, size: int) -> str:
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()


def correlation_id(symbol: str, ts_ms: int, strategy: str, side: str) -> str:
    """Name one candidate from scan to close."""
    return f"c-{_digest(symbol, ts_ms, strategy, side, size=8)}"


def intent_id(correlation: str, purpose: str, serial: int) -> str:
    """Name one wish to trade: the entry, the stop, target 2, ..."""
    return f"i-{_digest(correlation, purpose, serial, size=8)}"


def client_order_id(engine: str, intent: str, attempt: int) -> str:
    """Name an order at the exchange: at most 24 characters of [a-z0-9-]."""
    return f"bx{attempt}-{_digest(engine, intent, attempt, size=9)}"


def is_order(client_id: str) -> bool:
    """Whether an order at the exchange bears a name as `client_order_id` gives it."""
    return re.match(r"bx\d+-", client_id) is not None


def position_id(correlation: str) -> str:
    """Name the position that a candidate's entry opened."""
    return f"p-{correlation.removeprefix('c-')}"


def difference_id(*said: str) -> str:
    """Name a difference by its kind, its subject and what either side says."""
    return f"d-{_digest(*said, size=6)}"


def adjustment_id(
    account: int, symbol: str, ours: str, theirs: str, serial: int
) -> str:
    """Name what brings our book to the exchange's: the same again after a crash."""
    return f"a-{_digest(account, symbol, ours, theirs, serial, size=8)}"


def is_adjustment(trade_id: str) -> bool:
    """Whether a fill was made by us, for one that the exchange did not list."""
    return trade_id.startswith("a-")


def trade_id(client_id: str, serial: int) -> str:
    """Name one fill of an order at the paper exchange."""
    return f"t-{_digest(client_id, serial, size=8)}"


def session_id(engine: str, started_ms: int) -> str:
    """Name one run of the engine."""
    return f"s-{started_ms}-{_digest(engine, started_ms, size=3)}"
