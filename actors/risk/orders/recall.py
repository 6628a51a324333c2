"""Finds an order of long ago by its name: a fill of it is applied, however late."""

from actors.domain.messages import Signal
from actors.journal import Kind
from actors.risk.account.desk import Decision, Desk
from actors.risk.orders.records import OrderRecord, SignalSized


async def recall(desk: Desk, client_id: str) -> OrderRecord | None:
    """Find an order by its name, in the book or in the whole journal."""
    record = desk.book.find(client_id)
    if record is not None:
        return record
    row = await desk.ports.journal.read.find_order(client_id)
    if row is None:
        return None
    record = row.decode(OrderRecord)
    await _recall_signal(desk, record)
    # It is at hand again, by a row that says so: a replay must know it too.
    desk.record(Kind.ORDER, record, record.request.symbol, record.correlation)
    return record


async def _recall_signal(desk: Desk, record: OrderRecord) -> None:
    """Find the signal of an entry: what it still fills needs its stop."""
    correlation = record.correlation
    if record.purpose != "entry" or correlation in desk.book.signals:
        return
    reader = desk.ports.journal.read
    for row in await reader.rows(Kind.DECISION, correlation=correlation):
        finding = row.decode(Decision).finding
        if isinstance(finding, Signal):
            desk.account(SignalSized(finding), record.request.symbol)
            return
