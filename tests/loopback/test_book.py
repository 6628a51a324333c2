"""The book: price before time, and nobody jumps a queue."""

from hypothesis import given
from hypothesis import strategies as st

from actors.loopback.floor.book import Book, Take
from actors.loopback.floor.grid import BUY, SELL


def taken(
    book: Book, side: int, lots: int, limit: int | None
) -> tuple[list[Take], int]:
    pieces: list[Take] = []
    return pieces, book.take(side, lots, limit, pieces.append)


def test_the_better_price_trades_first_and_then_who_came_first() -> None:
    book = Book()
    book.rest("late", SELL, 101, 5)
    book.rest("first", SELL, 100, 5)
    book.rest("second", SELL, 100, 5)
    pieces, left = taken(book, BUY, 12, None)
    assert [(p.owner, p.ticks, p.lots) for p in pieces] == [
        ("first", 100, 5),
        ("second", 100, 5),
        ("late", 101, 2),
    ]
    assert left == 0


def test_a_limit_is_not_traded_through() -> None:
    book = Book()
    book.rest("a", SELL, 100, 1)
    book.rest("b", SELL, 102, 1)
    pieces, left = taken(book, BUY, 5, 101)
    assert [p.owner for p in pieces] == ["a"]
    assert left == 4


def test_what_the_house_adds_goes_behind_who_waits() -> None:
    book = Book()
    book.house(BUY, 100, 3)
    book.rest("ours", BUY, 100, 2)
    book.house(BUY, 100, 10)
    pieces, _ = taken(book, SELL, 7, None)
    assert [(p.owner, p.lots) for p in pieces] == [(None, 3), ("ours", 2), (None, 2)]


def test_what_the_house_takes_away_leaves_from_the_back() -> None:
    book = Book()
    book.house(BUY, 100, 3)
    book.rest("ours", BUY, 100, 2)
    book.house(BUY, 100, 8)
    book.house(BUY, 100, 3)  # gives back what was behind, keeps its place before us
    pieces, _ = taken(book, SELL, 4, None)
    assert [(p.owner, p.lots) for p in pieces] == [(None, 3), ("ours", 1)]


def test_an_order_that_is_cut_keeps_its_place() -> None:
    book = Book()
    book.rest("ours", BUY, 100, 5)
    book.house(BUY, 100, 5)
    book.cut("ours", BUY, 100, 3)
    pieces, _ = taken(book, SELL, 3, None)
    assert [(p.owner, p.lots) for p in pieces] == [("ours", 2), (None, 1)]


def test_a_withdrawn_order_is_gone_and_says_how_much_was_left() -> None:
    book = Book()
    book.rest("ours", BUY, 100, 5)
    taken(book, SELL, 2, None)
    assert book.withdraw("ours", BUY, 100) == 3
    assert book.bids.best is None
    assert book.withdraw("ours", BUY, 100) == 0


def test_both_sides_are_listed_best_first() -> None:
    book = Book()
    for ticks in (99, 97, 98):
        book.house(BUY, ticks, ticks)
        book.house(SELL, ticks + 4, ticks)
    assert book.top(BUY, 2) == [(99, 99), (98, 98)]
    assert book.top(SELL, 2) == [(101, 97), (102, 98)]
    assert book.reachable(SELL, 98) == 99 + 98


def test_every_change_moves_the_sequence_and_is_told_once() -> None:
    book = Book()
    before = book.update_id
    book.house(BUY, 100, 3)
    book.house(BUY, 100, 3)  # changes nothing
    book.house(SELL, 102, 1)
    assert book.update_id == before + 2
    assert book.changes() == ([(100, 3)], [(102, 1)])
    assert book.changes() == ([], [])
    book.house(BUY, 100, 0)
    assert book.changes() == ([(100, 0)], [])


def checked(book: Book) -> int:
    """Check a book against itself; give the lots that rest in it."""
    bid, ask = book.bids.best, book.asks.best
    assert bid is None or ask is None or bid < ask
    resting = 0
    for half in (book.bids, book.asks):
        assert half.prices == sorted(half.levels)
        for level in half.levels.values():
            assert level.total == sum(entry[1] for entry in level.queue) > 0
            resting += level.total
    return resting


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["house", "rest", "take", "leave"]),
        st.sampled_from([BUY, SELL]),
        st.integers(95, 105),
        st.integers(0, 6),
    ),
    max_size=60,
)


@given(ACTS)
def test_a_book_is_never_crossed_and_never_loses_a_lot(
    acts: list[tuple[str, int, int, int]],
) -> None:
    """Whatever is done to it, in and out balance and its totals are its queues'."""
    book, entered, left, owners = Book(), 0, 0, 0
    for act, side, ticks, lots in acts:
        if act == "take":
            pieces, _ = taken(book, side, lots, ticks)
            left += sum(piece.lots for piece in pieces)
        elif act == "leave":
            left += book.withdraw(lots, side, ticks)
        elif not book.crosses(side, ticks):
            if act == "rest" and lots:
                owners += 1
                book.rest(owners, side, ticks, lots)
                entered += lots
            elif act == "house":
                entered += lots - book.half(side).house.get(ticks, 0)
                book.house(side, ticks, lots)
        assert checked(book) == entered - left
