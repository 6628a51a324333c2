"""The journal's writer in numbers."""

import msgspec


class JournalStatistics(msgspec.Struct, frozen=True):
    """The writer at one moment."""

    appended: int  # seq of the newest row
    durable: int  # seq of the newest row that is on the disk
    waiting: int
    waiting_peak: int
    transactions: int
    commits: int  # calls of `commit` that had to wait
    writing_seconds: float  # since the write under way began; 0: none is
    writing_seconds_max: float
    writing_seconds_last: float | None  # None: nothing was written yet
    failure: str | None
