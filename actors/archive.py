"""What the journal tells people of the past; it implements HistoryView.

Reading has a connection and a thread of its own, so that a long look into the past
delays neither the writer nor the event loop. A journal in memory has only the writer's.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from actors.domain.errors import JournalError
from actors.domain.ledger import Position
from actors.domain.messages import Alert, Signal
from actors.domain.orders import Fill
from actors.domain.shown.history import (
    AuditRow,
    IncidentRow,
    SessionRow,
    TimelineStep,
    TradeRow,
)
from actors.domain.shown.symbols import DecisionRow
from actors.journal import (
    AuditRecord,
    Journal,
    JournalReader,
    Kind,
    Row,
    open_reader,
    paging,
)
from actors.risk.account.desk import Decision
from actors.risk.orders.records import Money, OrderRecord

#: An audit row may be lost with a turn of the risk actor that failed just then.
RECORD_TRIES = 3
#: A complete signal may end in these.
REFUSING = frozenset({"limits", "sizing", "execution"})


class _KillFact(msgspec.Struct, frozen=True):
    """A step of the kill switch, as it is journalled among the alerts."""

    reason: str
    triggered_at: int
    phase: str


class _AlertRow(msgspec.Struct, frozen=True):
    """A row among the alerts: a step of the kill switch, or else an Alert."""

    kill_switch: _KillFact | None = None


class Archive:
    """Reads the journal back for people."""

    def __init__(self, reader: JournalReader, journal: Journal) -> None:
        #: R that a refused signal, by its correlation, would have made; None: UNKNOWN.
        self.afterwards: Callable[[str], float | None] = lambda _correlation: None
        self._reader = reader
        self._journal = journal
        # An ended position never changes: each is read once.
        self._trades: list[TradeRow] = []
        self._trades_upto = -1  # seq; -1: nothing was read yet

    async def trades(self) -> tuple[TradeRow, ...]:
        """Every ended position of this account, oldest first."""
        if self._trades_upto < 0:
            opened = await self._reader.run(paging.account_opened())
            if self._trades_upto < 0:  # another reader may have been faster
                self._trades_upto = opened[0].seq if opened else 0
        work = paging.ended_positions
        while found := await self._reader.run(work(self._trades_upto)):
            for row, cash in found:
                if row.seq > self._trades_upto:  # here too
                    self._trades.append(_trade(row, cash))
                    self._trades_upto = row.seq
        return tuple(self._trades)

    async def timeline(self, order_id: str) -> tuple[TimelineStep, ...]:
        """One order (its id or client order id) from intent to end; empty: unknown."""
        intents = await self._reader.run(paging.intent_of(order_id))
        if not intents:
            return ()
        record = intents[0].decode(OrderRecord)
        rows = list(intents)
        for work in paging.steps_of(record.client_id, record.correlation):
            rows += await self._reader.run(work)
        rows.sort(key=lambda row: row.seq)
        return tuple(map(_step, rows))

    async def decisions(
        self, symbol: str, limit: int, before: int | None = None
    ) -> tuple[DecisionRow, ...]:
        """A symbol's decision log, newest first."""
        rows: list[Row] = []
        for work in paging.decided(symbol, before, limit):
            rows += await self._reader.run(work)
        rows.sort(key=lambda row: -row.seq)
        told = (_decision(row, symbol) for row in rows[: max(0, limit)])
        return tuple(map(self._followed, told))

    def _followed(self, row: DecisionRow) -> DecisionRow:
        """Add what became of a signal that was refused."""
        if row.stage not in REFUSING:
            return row
        afterwards = self.afterwards(row.correlation)
        return msgspec.structs.replace(row, afterwards_r=afterwards)

    async def audit(
        self, limit: int, before: int | None = None, search: str = ""
    ) -> tuple[AuditRow, ...]:
        """Who did what, newest first; `search` is looked for in every column."""
        work = paging.before(Kind.AUDIT, before, limit, search)
        return tuple(_audit(row) for row in await self._reader.run(work))

    async def incidents(
        self, limit: int, before: int | None = None, search: str = ""
    ) -> tuple[IncidentRow, ...]:
        """Alerts that were journalled, newest first."""
        work = paging.before(Kind.ALERT, before, limit, search)
        return tuple(_incident(row) for row in await self._reader.run(work))

    async def sessions(self) -> tuple[SessionRow, ...]:
        """Every run on this journal, newest first."""
        return tuple(
            SessionRow(
                id=one.session,
                started_ms=one.started.wall_ms,
                ended_ms=None if one.ended is None else one.ended.wall_ms,
                market=one.started.market,
                preset=one.started.preset,
                mode=one.started.mode,
                end=None if one.ended is None else one.ended.reason,
                checkpoints=one.checkpoints,
            )
            for one in reversed(await self._reader.sessions())
            if one.started is not None
        )

    async def record(
        self, who: str, what: str, before: str, after: str, result: str
    ) -> None:
        """Audit an act that no actor carries out; it is on the disk on return."""
        fact = AuditRecord(who, what, before, after, result)
        for _ in range(RECORD_TRIES):
            seq = self._journal.append(Kind.AUDIT, fact)
            await self._journal.commit()
            rows = await self._journal.read.rows(Kind.AUDIT, after=seq - 1, limit=1)
            if rows and rows[0].seq == seq and rows[0].decode(AuditRecord) == fact:
                return
        msg = (
            f"{what!r} by {who} was done but could not be audited in {RECORD_TRIES} "
            "tries: the risk actor failed at each; see the incidents"
        )
        raise JournalError(msg)


def _trade(row: Row, cash: Row | None) -> TradeRow:
    one = row.decode(Position)
    assert one.closed_ms is not None, "an ended position says when"
    return TradeRow(
        id=one.id,
        symbol=one.symbol,
        side=one.side,
        signal=one.kind,
        opened_ms=one.opened_ms,
        closed_ms=one.closed_ms,
        entry=one.entry,
        exit=one.exit,
        size=one.entered,
        pnl_usd=one.pnl_usd,
        pnl_r=one.r_of(one.pnl_usd),
        mae_r=one.mae_r,
        mfe_r=one.mfe_r,
        fees_usd=one.fees,
        reason=one.reason,
        equity_after_usd=None if cash is None else cash.decode(Money).cash,
    )


def _step(row: Row) -> TimelineStep:
    if row.kind is Kind.FILL:
        fill = row.decode(Fill)
        role = "maker" if fill.maker else "taker"
        detail = f"trade {fill.trade_id}, {role}, fee {fill.fee}"
        if fill.coin_fee:
            detail += f", taken as {fill.coin_fee} of the coin"
        return TimelineStep(
            *(row.seq, fill.ts_ms, "fill", "", fill.quantity),
            *(fill.price, fill.quantity, detail),
        )
    order = row.decode(OrderRecord)
    request = order.request
    return TimelineStep(
        seq=row.seq,
        time_ms=row.ts_ms,
        kind="intent" if row.kind is Kind.INTENT else "order",
        state=order.state,
        filled=order.filled,
        price=request.stop_price or request.limit_price,
        quantity=request.quantity,
        detail=order.outcome or order.reason,
    )


def _decision(row: Row, symbol: str) -> DecisionRow:
    correlation, place = row.correlation or "", (row.seq, row.ts_ms, symbol)
    if row.kind is Kind.POSITION:
        ended = row.decode(Position)
        result = f"{ended.r_of(ended.pnl_usd):.2f} R"
        return DecisionRow(*place, correlation, "exit", ended.reason, result, "")
    if row.kind is Kind.INTENT:
        order = row.decode(OrderRecord)
        size = str(order.request.quantity)
        return DecisionRow(*place, correlation, "sent", order.reason, size, "")
    finding = row.decode(Decision).finding
    if isinstance(finding, Signal):
        said = (f"{finding.kind} {finding.side}", str(finding.entry), str(finding.stop))
        return DecisionRow(*place, correlation, "signal", *said)
    said = (finding.reason, finding.value, finding.threshold)
    return DecisionRow(*place, correlation, finding.stage, *said)


def _audit(row: Row) -> AuditRow:
    fact = row.decode(AuditRecord)
    return AuditRow(
        seq=row.seq,
        time_ms=row.ts_ms,
        who=fact.who,
        what=fact.what,
        before=fact.before or "",
        after=fact.after or "",
        result=fact.result,
    )


def _incident(row: Row) -> IncidentRow:
    body = row.decode(_AlertRow)
    if body.kill_switch is not None:
        kill = body.kill_switch
        text, did = f"kill switch {kill.phase}: {kill.reason}", kill.phase
        return IncidentRow(
            row.seq, row.ts_ms, "critical", "kill_switch", "risk", None, text, did
        )
    alert = row.decode(Alert)
    return IncidentRow(
        seq=row.seq,
        time_ms=alert.ts_ms,
        severity=alert.severity,
        category=alert.category,
        component=alert.component,
        symbol=alert.symbol,
        message=alert.message,
        action=alert.action,
    )


@asynccontextmanager
async def open_archive(path: Path | None, journal: Journal) -> AsyncIterator[Archive]:
    """Open the past beside the journal's owner; None: the journal is in memory."""
    if path is None:
        yield Archive(journal.read, journal)
        return
    async with open_reader(path) as reader:
        yield Archive(reader, journal)
