"""`breakout audit`: check the journal of an engine, and print who did what.

Exit codes: 0 sound, 1 not sound, 2 the journal cannot be read.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import trio
import typer
from rich.console import Console

from actors.domain.errors import JournalError
from actors.journal import (
    JOURNAL_NAME,
    AuditRecord,
    JournalReader,
    Kind,
    Row,
    Verification,
    open_reader,
)
from actors.journal.compact import compact as compact_journal
from actors.runtime.clock import WallClock
from config.settings import EngineGroup

NOT_SOUND, UNREADABLE = 1, 2
DATA_DIR = EngineGroup().data_dir

DAY_MS = 86_400_000

T = TypeVar("T")

audit = typer.Typer(
    help="Check a journal, and print who did what.",
    no_args_is_help=True,
    add_completion=False,
)

DataDir = Annotated[str, typer.Option(help="Where the engine keeps its journal.")]
JournalFile = Annotated[
    Path | None, typer.Option("--journal", help="The journal itself.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
KeepDays = Annotated[
    int, typer.Option(min=1, max=3_650, help="What is younger stays, in market time.")
]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Verdict(msgspec.Struct, frozen=True):
    """What checking a journal found, as it is printed."""

    path: str
    sound: bool
    rows: int
    last_seq: int
    audit_head: str
    sessions: int
    first_bad_seq: int | None
    problem: str | None
    compacted_upto: int


@audit.command()
def verify(
    data_dir: DataDir = DATA_DIR,
    journal: JournalFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check that a journal is whole: exit 0 sound, 1 not, 2 it cannot be read.

    Checked: the file's structure; that no row of any kind is missing between the first
    and the last, but those that `compact` moved; that each audit row seals the one
    before it; that no row of orders, fills, positions or account is damaged; and that
    the rows reach as far as the mark beside the journal says they did. It works beside
    a running engine.

    Not seen: a row that is no audit row, changed with its checksum; a removed end if
    the mark was changed as well; a file rewritten from its beginning with new hashes.
    Whoever can write the file can do so: keep the printed head elsewhere, and compare.
    """
    path = journal or Path(data_dir) / JOURNAL_NAME

    async def check(reader: JournalReader) -> Verdict:
        found = await reader.verify()
        sessions = len(await reader.sessions()) if found.problem is None else 0
        return _verdict(path, found, sessions)

    verdict = _read(path, check)
    if as_json:
        out.print(msgspec.json.encode(verdict).decode(), markup=False)
    else:
        _print(verdict)
    raise typer.Exit(0 if verdict.sound else NOT_SOUND)


@audit.command()
def compact(
    data_dir: DataDir = DATA_DIR,
    journal: JournalFile = None,
    keep_days: KeepDays = 30,
    *,
    as_json: AsJson = False,
) -> None:
    """Move old decisions, transitions and checkpoints to a file beside the journal.

    Orders, fills, positions, account and audit rows stay, and so does what they need.
    The file is a whole copy of the journal as it was, for `verify --journal` and
    `show --journal`; an audit row names it with its digest. The engine must not run:
    exit 0 done, or nothing was old enough; 2 the journal is held, or not sound.
    """
    path = journal or Path(data_dir) / JOURNAL_NAME
    now_ms = WallClock().now_ms()
    try:
        done = compact_journal(path, keep_days * DAY_MS, "breakout audit", now_ms)
    except JournalError as error:
        err.print(f"nothing was moved: {error}", markup=False)
        raise typer.Exit(UNREADABLE) from error
    if as_json:
        out.print(msgspec.json.encode(done).decode(), markup=False)
    elif done.copy is None:
        out.print(f"{path}: nothing is older than {keep_days} days", markup=False)
    else:
        sizes = f"{done.bytes_before / 1e6:.1f} MB -> {done.bytes_after / 1e6:.1f} MB"
        told = f"{done.rows} rows moved to {done.copy}, {sizes}"
        out.print(f"{path}: {told}", markup=False)
        if done.problem is not None:
            err.print(done.problem, markup=False)


@audit.command()
def show(
    data_dir: DataDir = DATA_DIR,
    journal: JournalFile = None,
    limit: Limit = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """Print the newest audit rows, oldest first: when, who, what, before, after."""

    async def newest(reader: JournalReader) -> tuple[Row, ...]:
        return await reader.rows(Kind.AUDIT, limit=limit, newest_first=True)

    for row in reversed(_read(journal or Path(data_dir) / JOURNAL_NAME, newest)):
        if as_json:
            out.print(msgspec.json.encode(row).decode(), markup=False)
            continue
        fact = row.decode(AuditRecord)
        when = datetime.fromtimestamp(row.ts_ms / 1_000, UTC).isoformat(" ", "seconds")
        change = f"{fact.before or '-'} -> {fact.after or '-'}"
        line = f"{row.seq:8} {when} {fact.who:12} {fact.what}: {change}: {fact.result}"
        out.print(line, markup=False)


def _read(path: Path, work: Callable[[JournalReader], Awaitable[T]]) -> T:
    async def reading() -> T:
        async with open_reader(path) as reader:
            return await work(reader)

    try:
        return trio.run(reading)
    except JournalError as error:
        err.print(f"cannot read: {error}", markup=False)
        raise typer.Exit(UNREADABLE) from error


def _verdict(path: Path, found: Verification, sessions: int) -> Verdict:
    return Verdict(
        path=str(path),
        sound=found.problem is None,
        rows=found.rows,
        last_seq=found.last_seq,
        audit_head=found.audit_head,
        sessions=sessions,
        first_bad_seq=found.first_bad_seq,
        problem=found.problem,
        compacted_upto=found.compacted_upto,
    )


def _print(verdict: Verdict) -> None:
    state = "sound" if verdict.sound else f"NOT SOUND: {verdict.problem}"
    for line in (
        f"{verdict.path}: {state}",
        f"rows        {verdict.rows}",
        f"last row    {verdict.last_seq}",
        f"audit head  {verdict.audit_head}",
        f"sessions    {verdict.sessions}",
    ):
        out.print(line, markup=False)
    if verdict.compacted_upto:
        told = f"up to row {verdict.compacted_upto}: the money's rows stayed"
        out.print(f"compacted   {told}", markup=False)
