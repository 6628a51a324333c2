"""Proves that a journal is whole: structure, sequence, audit chain, checksums, end."""

import apsw
import msgspec

from actors.journal.checksum import first_damaged
from actors.journal.kinds import Kind
from actors.journal.mark import shortfall
from actors.journal.schema import audit_chain

#: What an audit row says was done when old rows were moved out of the journal.
COMPACTED = "compact journal"


class Kept(msgspec.Struct, frozen=True):
    """What an audit row says stayed of the rows up to one when others were moved."""

    upto: int
    rows: int


class Verification(msgspec.Struct, frozen=True):
    """What checking the whole journal found. `problem` None: it is sound."""

    rows: int
    last_seq: int
    first_bad_seq: int | None
    problem: str | None
    audit_head: str  # hash of the newest sound audit row
    compacted_upto: int = 0  # rows up to here were moved, all but the money's


def verification(
    database: apsw.Connection, path: str, acknowledged: int
) -> Verification:
    """Check everything; `acknowledged` is the row that the journal must reach."""
    rows, last = _extent(database)
    structure = database.execute("PRAGMA quick_check").get
    broken, head = audit_chain(database)
    kept = _compacted(database)
    below = rows_upto(database, kept.upto) if kept.upto else 0
    problem = None
    if structure != "ok":
        problem = f"the file's structure is damaged: {structure}"
    elif rows - below != last - kept.upto:
        broken = _first_missing(database, kept.upto)
        problem = f"row {broken} is missing: {last} were appended, {rows} are there"
    elif below != kept.rows:
        problem = (
            f"rows are missing: {kept.rows} up to {kept.upto} stayed when the journal "
            f"was compacted, {below} are there"
        )
        broken = broken or kept.upto
    elif broken is not None:
        problem = f"the audit chain is broken at row {broken}"
    elif (broken := first_damaged(database)) is not None:
        problem = f"row {broken} is damaged: it is not as it was written"
    else:
        problem = shortfall(path, acknowledged, last)
    return Verification(rows, last, broken, problem, head, kept.upto)


def _compacted(database: apsw.Connection) -> Kept:
    """Find what the newest compaction left; (0, 0): there was none."""
    said = database.execute(
        f"SELECT after FROM {Kind.AUDIT.table} WHERE what = :what "  # noqa: S608  # names are ours
        "ORDER BY seq DESC LIMIT 1",
        {"what": COMPACTED},
    ).get
    return Kept(0, 0) if said is None else msgspec.json.decode(said, type=Kept)


def _all_seqs() -> str:
    return " UNION ALL ".join(f"SELECT seq FROM {kind.table}" for kind in Kind)  # noqa: S608  # names are ours


def _extent(database: apsw.Connection) -> tuple[int, int]:
    query = f"SELECT count(*), coalesce(max(seq), 0) FROM ({_all_seqs()})"  # noqa: S608  # names are ours
    rows, last = next(iter(database.execute(query)))
    return rows, last


def rows_upto(database: apsw.Connection, upto: int) -> int:
    """Count the rows of all kinds up to one."""
    query = f"SELECT count(*) FROM ({_all_seqs()}) WHERE seq <= :upto"  # noqa: S608  # names are ours
    return int(database.execute(query, {"upto": upto}).get)


def _first_missing(database: apsw.Connection, after: int) -> int:
    expected = after + 1
    query = f"{_all_seqs()} ORDER BY seq"
    for (seq,) in database.execute(query):
        if seq > expected:
            break
        expected += seq == expected
    return expected
