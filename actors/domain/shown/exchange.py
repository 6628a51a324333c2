"""What is shown of an exchange's patience: its budget, bans and breaker."""

import msgspec


class ExchangeBudget(msgspec.Struct, frozen=True, rename="camel"):
    """One exchange account's gate, through which every request goes."""

    exchange: str
    weight_used: int  # ours or the exchange's own figure, the larger one
    weight_limit: int  # 0: ccxt keeps to the rate, in a way of its own
    weight_entry_limit: int  # the rest is for protect, cancel and exit alone
    weight_others: int  # expected of other programs on this address
    window_seconds: float
    orders_used: int | None  # None: this exchange does not count them
    orders_limit: int | None
    waiting: dict[str, int]  # lane -> requests
    banned_until_ms: int | None
    ban_reason: str | None
    breaker: str  # closed, open, half-open
    breaker_left_seconds: float  # until a probe may go through
    failures: dict[str, int]  # kind -> how many lately that count for the breaker
    trouble: str | None  # what the newest answer's fault means for the engine
    no_entries: str | None  # why no entry would be sent now
    requests: int
    faults: dict[str, int]  # kind -> since the start
    retries: int
    refused: int  # by the gate: not sent
    last_refusal: str | None
    last_refusal_ms: int | None
