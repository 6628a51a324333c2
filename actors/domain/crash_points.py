"""The moments of the money path at which a crash must lose and double nothing."""

from enum import StrEnum


class CrashPoint(StrEnum):
    """Where a test may end the process; each is passed through `runtime.crash`."""

    INTENT_RECEIVED = "intent_received"  # nothing is written yet
    INTENT_APPENDED = "intent_appended"  # in the buffer, not on the disk
    INTENT_COMMITTED = "intent_committed"  # on the disk, not sent
    SENT = "sent"  # on its way; nobody has answered
    STOP_SENT = "stop_sent"  # the same, of a protective stop
    ANSWERED = "answered"  # the answer is known, not recorded
    CANCEL_SENT = "cancel_sent"
    FILL_APPLIED = "fill_applied"  # counted in its order, not yet in its position
    ENTRY_FILLED = "entry_filled"  # a position without its stop
    STOP_REPLACED = "stop_replaced"  # the new stop stands, the old one as well
    COMMITTED = "committed"  # on the disk, not published
    CHECKPOINTING = "checkpointing"  # while the write-ahead log is folded in
    SNAPSHOT_APPENDED = "snapshot_appended"
    RECOVERY_REPLAYED = "recovery_replayed"
    RECOVERY_FETCHED = "recovery_fetched"
    RECOVERY_FILLED = "recovery_filled"  # missed fills applied, orders not settled
    RECOVERY_SETTLED = "recovery_settled"  # orders settled, positions not compared
    KILL_CANCELLED = "kill_cancelled"  # no entry lives; what is held is not closed
    KILL_FLATTENING = "kill_flattening"  # closes sent, flat not confirmed
    STOP_GATE_CLOSED = "stop_gate_closed"  # stop begun, children still up
    STOP_CHILDREN_DOWN = "stop_children_down"  # nothing flushed yet
