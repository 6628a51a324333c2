"""What goes over the wire: the contract's names, envelopes, and what clients may say.

The engine's facts keep their own names inside; here, and only here, they get the
ones that the contract's clients know. Decimals are written as JSON numbers, digit for
digit; times are ISO 8601 UTC with milliseconds in rows of positions, orders and
transitions, and ms since 1970 wherever a name ends in `Ms`, and in `ts`.
"""

from control.wire.frames import (
    EVENT_TOPICS,
    MESSAGE_BYTES_MAX,
    POLLED_TOPICS,
    SYMBOL_PREFIX,
    TOPICS_MAX,
    Envelope,
    Reply,
    encode,
    frame,
    iso,
)
from control.wire.rows import (
    AlertRow,
    OrderRow,
    PositionRow,
    TransitionRow,
    alert_row,
    order_row,
    position_row,
    row,
    transition_row,
)
from control.wire.said import (
    Authenticate,
    CommandSaid,
    Ping,
    Said,
    Subscribe,
    Unsubscribe,
    said,
)

__all__ = [
    "EVENT_TOPICS",
    "MESSAGE_BYTES_MAX",
    "POLLED_TOPICS",
    "SYMBOL_PREFIX",
    "TOPICS_MAX",
    "AlertRow",
    "Authenticate",
    "CommandSaid",
    "Envelope",
    "OrderRow",
    "Ping",
    "PositionRow",
    "Reply",
    "Said",
    "Subscribe",
    "TransitionRow",
    "Unsubscribe",
    "alert_row",
    "encode",
    "frame",
    "iso",
    "order_row",
    "position_row",
    "row",
    "said",
    "transition_row",
]
