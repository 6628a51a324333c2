"""Makes the book of this start: what the journal says, of the account there is now."""

from actors.domain.crash_points import CrashPoint
from actors.domain.limits import open_day
from actors.exchange.port import SimulatedExchange
from actors.journal import Journal, Kind
from actors.risk.account.book import Book, replay
from actors.risk.orders.records import AccountOpened
from actors.runtime.crash import reached


async def open_book(
    journal: Journal, exchange: SimulatedExchange, market: str, now_ms: int
) -> Book:
    """Replay the journal; a new account at the exchange begins a new book.

    Raises:
        JournalError: the journal cannot be read.
        ExchangeError: a new account's balance cannot be had.
    """
    book = await replay(journal.read)
    reached(CrashPoint.RECOVERY_REPLAYED)
    if book.account != exchange.account_serial:
        cash = await exchange.fetch_balance()
        opened = AccountOpened(
            serial=exchange.account_serial,
            market=market,
            cash=cash,
            day=open_day(cash, now_ms),
            opened_ms=now_ms,
        )
        journal.append(Kind.ACCOUNT, opened)
        book.apply(Kind.ACCOUNT, opened)
    return book
