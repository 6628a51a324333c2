"""What the engine shows of its own works: the tree of actors, counters and gauges."""

import msgspec


class ActorRow(msgspec.Struct, frozen=True, rename="camel"):
    """One actor of the tree."""

    name: str
    parent: str  # empty: the root
    state: str
    restarts: int
    depth: int  # messages that wait
    capacity: int
    messages: int  # handled so far
    last_error: str | None


class EngineNumbers(msgspec.Struct, frozen=True, rename="camel"):
    """Counters and gauges that only machines read: what `/metrics` is made of."""

    bars: int
    candidates: int
    signals: int
    entries: int
    trades: int
    crashes: int
    dead_letters: int
    alerts: dict[str, int]  # severity -> how many since the start
    orders: dict[str, int]  # state -> live orders in it
    outcomes: dict[str, int]  # placed, refused, unknown -> how many answers
    journal_rows: int
    journal_commits: int
    journal_waiting: int
    journal_commit_seconds_last: float | None
    journal_bytes: int | None
    loop_lag_ms: float | None
    feed_age_ms_max: int | None
    stale_symbols: int
    quarantined_symbols: int
