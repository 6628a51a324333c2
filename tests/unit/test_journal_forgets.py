"""What the journal forgets when its owner fails in the middle of a turn."""

from actors.journal import AuditRecord, Kind, open_journal
from actors.runtime.clock import MarketClock


async def test_what_is_forgotten_leaves_no_gap_and_no_broken_chain() -> None:
    act = AuditRecord("me", "pause", None, None, "done")
    async with open_journal(None, session="s-1", clock=MarketClock(1_000)) as journal:
        journal.append(Kind.AUDIT, act)
        await journal.commit()
        journal.append(Kind.AUDIT, act)
        journal.append(Kind.ALERT, {"half": "a turn"})
        journal.forget_waiting()
        assert journal.idle
        assert journal.append(Kind.AUDIT, act) == 2
        await journal.commit()
        found = await journal.verify()
        assert (found.problem, found.rows) == (None, 2)
        assert not await journal.rows(Kind.ALERT)
