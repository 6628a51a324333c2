"""Makes the book of this start: what the journal says, of the account there is now."""

from actors.domain.bars import MarketDescription
from actors.domain.crash_points import CrashPoint
from actors.domain.errors import ExchangeError
from actors.domain.limits import open_day
from actors.exchange.port import SimulatedExchange
from actors.journal import Journal, Kind
from actors.risk.account.book import Book, replay
from actors.risk.orders.records import AccountOpened
from actors.runtime.crash import reached


async def open_book(
    journal: Journal,
    exchange: SimulatedExchange,
    market: MarketDescription,
    now_ms: int,
) -> Book:
    """Replay the journal; a new account at the exchange begins a new book.

    Raises:
        JournalError: the journal cannot be read.
        ExchangeError: a new account's balance cannot be had, or a position is held, or
            may still be, in what the market does not list: nobody could price, close
            or protect it.
    """
    book = await replay(journal.read)
    reached(CrashPoint.RECOVERY_REPLAYED)
    if book.account != exchange.account_serial:
        cash = await exchange.fetch_balance()
        opened = AccountOpened(
            serial=exchange.account_serial,
            market=market.name,
            cash=cash,
            day=open_day(cash, now_ms),
            opened_ms=now_ms,
        )
        journal.append(Kind.ACCOUNT, opened)
        book.apply(Kind.ACCOUNT, opened)
    listed = {instrument.symbol for instrument in market.instruments}
    if unlisted := ", ".join(sorted(book.in_hand() - listed)):
        message = (
            f"the journal {journal.read.path} holds a position or a live order in "
            f"{unlisted}, which {market.name} does not list: start with a market that "
            "lists it, or, once the exchange shows neither, with another --data-dir"
        )
        raise ExchangeError(message)
    return book
