"""The journal: the one truth of what the engine did, appended and never changed."""

from actors.journal import paging
from actors.journal.audit import AuditRecord
from actors.journal.kinds import Kind, Row
from actors.journal.opening import JOURNAL_NAME, open_journal, refuse_held
from actors.journal.proof import Verification
from actors.journal.reader import JournalReader, open_reader
from actors.journal.session import (
    Checkpoint,
    SessionEnded,
    SessionStarted,
    SessionSummary,
    Stage,
)
from actors.journal.statistics import JournalStatistics
from actors.journal.writer import Journal

__all__ = [
    "JOURNAL_NAME",
    "AuditRecord",
    "Checkpoint",
    "Journal",
    "JournalReader",
    "JournalStatistics",
    "Kind",
    "Row",
    "SessionEnded",
    "SessionStarted",
    "SessionSummary",
    "Stage",
    "Verification",
    "open_journal",
    "open_reader",
    "paging",
    "refuse_held",
]
