"""Who did what, when, and what changed: a chain in which each row seals the last.

hash(n) = BLAKE2b-256(hash(n-1), seq, session, ts_ms, symbol, correlation, body), each
part preceded by its length, so that no two different rows give the same input. A row
that was changed, inserted or removed breaks the chain at that row. Removing the very
last rows leaves a shorter valid chain; the gap-free sequence over all kinds shows that.
"""

import hashlib
from collections.abc import Iterable

import msgspec

GENESIS = "0" * 64  # the hash before the first row


class AuditRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One act of a person, a program or the engine on its own authority."""

    who: str  # principal
    what: str  # command or setting
    before: str | None
    after: str | None
    result: str


Fact = tuple[int, str, int, str | None, str | None, str]
"""(seq, session, ts_ms, symbol, correlation, body): a row as it is stored."""

SealedFact = tuple[int, str, int, str | None, str | None, str, str, str]
"""A Fact with the hash of the row before it and its own."""


def seal(fact: Fact, previous_hash: str) -> str:
    """Return the hash of one row that follows the row of `previous_hash`."""
    digest = hashlib.blake2b(digest_size=32)
    for part in (previous_hash, *fact):
        text = b"" if part is None else b"=" + str(part).encode()
        digest.update(b"%d:%b" % (len(text), text))
    return digest.hexdigest()


def first_broken(rows: Iterable[SealedFact]) -> tuple[int | None, str]:
    """Follow the chain; return (seq of the first bad row or None, hash of the end)."""
    head = GENESIS
    for row in rows:
        *_, previous_hash, own_hash = row
        if previous_hash != head or own_hash != seal(row[:6], head):
            return row[0], head
        head = own_hash
    return None, head
