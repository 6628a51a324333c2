"""Remembers beside the journal how far it was acknowledged, so that a loss is seen.

SQLite takes a write-ahead log that is torn or gone for one that ended earlier, and a
file that is gone for a new one. So after each commit the newest sequence number is
written to `<journal>.mark`: not synced, since it may lag behind what is on the disk
after a power cut, but never be ahead of it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from actors.domain.errors import JournalError

MARK_BYTES = 21  # twenty digits and the end of the line
Acknowledge = Callable[[int], None]


def marked(path: str) -> int:
    """Return the newest number ever acknowledged of a journal; 0: no mark is kept.

    Raises:
        JournalError: the mark is there and cannot be read.
    """
    mark = _mark_of(Path(path))
    try:
        with mark.open("rb") as file:
            text = file.read(MARK_BYTES)
    except FileNotFoundError:
        return 0
    except OSError as error:
        message = f"cannot read {mark}: {error} (check its permissions and the disk)"
        raise JournalError(message) from error
    return int(text) if text.strip().isdigit() else 0


def shortfall(path: str, acknowledged: int, last_seq: int) -> str | None:
    """Say what is missing of a journal that ends before its mark; None: nothing."""
    if last_seq >= acknowledged:
        return None
    return (
        f"{path} ends at row {last_seq}, but rows up to {acknowledged} were "
        "acknowledged: its end is lost, or this is an older copy (restore the newest "
        f"copy with its -wal file; to go on without the lost rows, delete {path}.mark)"
    )


def refuse_gone(path: Path) -> None:
    """Refuse a marked journal whose file is gone, before a new one takes its place.

    Raises:
        JournalError: the file is gone.
    """
    acknowledged = marked(str(path))
    if acknowledged and not path.exists():
        raise JournalError(shortfall(str(path), acknowledged, 0))


@contextmanager
def keep_mark(path: Path, last_seq: int) -> Iterator[Acknowledge]:
    """Check the mark, and keep it for the block with what this yields.

    Raises:
        JournalError: rows that were acknowledged are not there; the mark cannot be
            kept; and from the call: the journal's file was removed or replaced.
    """
    missing = shortfall(str(path), marked(str(path)), last_seq)
    if missing is not None:
        raise JournalError(missing)
    with _faults_told(path):
        _mark_of(path).touch()
        file = _mark_of(path).open("r+b", buffering=0)
    with file:
        identity = _identity(path)

        def acknowledge(seq: int) -> None:
            with _faults_told(path):
                if _identity(path) != identity:
                    message = "another file has taken its place"
                    raise FileNotFoundError(message)
                file.seek(0)
                file.write(b"%020d\n" % seq)

        acknowledge(last_seq)
        with _faults_told(path):
            os.fsync(file.fileno())
        yield acknowledge


def _mark_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.mark")


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


@contextmanager
def _faults_told(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        message = (
            f"the journal {path} was removed or replaced while it was in use: {error} "
            "(what was written since is lost with it; put the file back, start again)"
        )
        raise JournalError(message) from error
    except OSError as error:
        message = (
            f"cannot mark how far the journal {path} was written: {error} "
            "(free disk space, and make the file and its directory writable)"
        )
        raise JournalError(message) from error
