"""Books in and out of step: each exchange's numbering, holes, repeats, checksums."""

import zlib
from random import Random

import pytest

from actors.market.live.binance import judge_futures, judge_spot
from actors.market.live.book import LEVELS_MAX, Book
from actors.market.live.bybit import judge as judge_bybit
from actors.market.live.okx import judge as judge_okx
from actors.market.live.sequence import (
    WAITING_MAX,
    BookState,
    Judge,
    Keeper,
    SequenceRule,
    Verdict,
)
from actors.market.live.wire import DepthUpdate, Level

APPLY, DROP, GAP = Verdict.APPLY, Verdict.DROP, Verdict.GAP


def update(
    first: int | None,
    last: int | None,
    previous: int | None = None,
    bids: list[Level] | None = None,
    asks: list[Level] | None = None,
) -> DepthUpdate:
    return DepthUpdate(first, last, previous, bids or [], asks or [], 0)


def snapshot(last: int | None, bid: float = 100.0, ask: float = 101.0) -> DepthUpdate:
    return DepthUpdate(
        None, last, None, [(bid, 1.0)], [(ask, 1.0)], 0, is_snapshot=True
    )


RULES = [
    (judge_spot, update(11, 12), 10, True, APPLY),
    (judge_spot, update(8, 12), 10, True, APPLY),
    (judge_spot, update(8, 10), 10, True, DROP),
    (judge_spot, update(12, 13), 10, True, GAP),
    (judge_spot, update(11, 12), 10, False, APPLY),
    (judge_spot, update(12, 13), 10, False, GAP),
    (judge_futures, update(9, 10, 8), 10, True, APPLY),
    (judge_futures, update(8, 9, 7), 10, True, DROP),
    (judge_futures, update(10, 15, 9), 10, True, APPLY),
    (judge_futures, update(12, 15, 11), 10, True, GAP),
    (judge_futures, update(12, 15, 10), 10, False, APPLY),
    (judge_futures, update(9, 10, 8), 10, False, DROP),
    (judge_futures, update(13, 15, 12), 10, False, GAP),
    (judge_bybit, update(None, 11), 10, False, APPLY),
    (judge_bybit, update(None, 10), 10, False, DROP),
    (judge_bybit, update(None, 12), 10, False, GAP),
    (judge_okx, update(None, 15, 10), 10, False, APPLY),
    (judge_okx, update(None, 10, 10), 10, False, APPLY),  # nothing changed for long
    (judge_okx, update(None, 3, 10), 10, False, APPLY),  # numbers begin anew
    (judge_okx, update(None, 9, 8), 10, False, DROP),
    (judge_okx, update(None, 15, 12), 10, False, GAP),
    (judge_okx, update(None, None), None, False, APPLY),
]


@pytest.mark.parametrize(("judge", "one", "last", "first", "expected"), RULES)
def test_each_exchange_numbers_in_its_own_way(
    judge: Judge, one: DepthUpdate, last: int, *, first: bool, expected: Verdict
) -> None:
    assert judge(one, last, first) is expected


def test_nothing_follows_on_nothing() -> None:
    for judge in (judge_spot, judge_futures, judge_bybit, judge_okx):
        assert judge(update(1, 1, 0), None, False) is GAP


# --- the keeper -----------------------------------------------------------------------

BY_REST = SequenceRule(judge_spot, by_rest=True, shared=True)
IN_STREAM = SequenceRule(judge_bybit, by_rest=False, shared=False)


def chain(count: int, seed: int = 1) -> list[DepthUpdate]:
    random, made = Random(seed), []
    for number in range(11, 11 + count):
        bid = (100.0 - random.randint(0, 20), float(random.randint(0, 3)))
        ask = (101.0 + random.randint(0, 20), float(random.randint(0, 3)))
        made.append(update(number, number, number - 1, [bid], [ask]))
    return made


def held(keeper: Keeper) -> tuple[dict[float, float], dict[float, float]]:
    return dict(keeper.book.bids.levels()), dict(keeper.book.asks.levels())


def in_order(updates: list[DepthUpdate]) -> Keeper:
    keeper = Keeper(BY_REST)
    keeper.restart(snapshot(10))
    for one in updates:
        keeper.take(one, 1)
    assert keeper.state is BookState.WHOLE
    return keeper


def test_updates_before_the_snapshot_wait_for_it() -> None:
    updates, keeper = chain(50), Keeper(BY_REST)
    for one in updates[:30]:
        assert keeper.take(one, 1) is BookState.EMPTY
    assert keeper.restart(snapshot(10)) is BookState.WHOLE
    for one in updates[30:]:
        keeper.take(one, 1)
    assert held(keeper) == held(in_order(updates))


def test_a_snapshot_older_than_what_waits_is_not_enough() -> None:
    keeper = Keeper(BY_REST)
    keeper.take(update(20, 20), 1)
    assert keeper.restart(snapshot(10)) is BookState.BROKEN
    assert keeper.restart(snapshot(19)) is BookState.WHOLE


@pytest.mark.parametrize("seed", range(30))
def test_any_disorder_and_repetition_heals_without_a_snapshot(seed: int) -> None:
    random, updates = Random(seed), chain(200, seed)
    keeper = Keeper(BY_REST)
    keeper.restart(snapshot(10))
    window: list[DepthUpdate] = []
    for one in [*updates, *[None] * 8]:
        window += [one] * random.randint(1, 2) if one else []
        while window and (one is None or len(window) > 5):
            keeper.take(window.pop(random.randrange(len(window))), 1)
    assert keeper.state is BookState.WHOLE
    assert keeper.resets == 1
    assert held(keeper) == held(in_order(updates))


def test_a_hole_stays_broken_until_a_snapshot_and_nothing_is_applied() -> None:
    updates, keeper = chain(30), Keeper(BY_REST)
    keeper.restart(snapshot(10))
    for one in [*updates[:10], *updates[11:]]:
        keeper.take(one, 1)
    assert keeper.state is BookState.BROKEN
    assert held(keeper) == held(in_order(updates[:10]))
    assert keeper.restart(snapshot(40)) is BookState.WHOLE
    assert keeper.gaps == 1


def test_what_waits_has_a_bound() -> None:
    keeper = Keeper(BY_REST)
    for one in chain(3 * WAITING_MAX):
        keeper.take(one, 1)
    assert len(keeper._waiting) <= WAITING_MAX


def test_an_old_rest_answer_does_not_turn_a_whole_book_back() -> None:
    keeper = in_order(chain(5))
    before = held(keeper)
    assert keeper.restart(snapshot(12)) is BookState.WHOLE
    assert held(keeper) == before


def test_a_lost_connection_of_a_quiet_symbol_is_mended_by_a_snapshot() -> None:
    """Nothing has happened since: the answer is as old as what is known."""
    keeper = in_order(chain(5))
    keeper.lose()
    assert keeper.restart(snapshot(14)) is BookState.BROKEN
    assert keeper.restart(snapshot(15)) is BookState.WHOLE


def test_a_crossed_book_is_thrown_away() -> None:
    keeper = in_order([])
    assert keeper.take(update(11, 11, 10, [(101.5, 1.0)]), 1) is BookState.EMPTY
    assert keeper.crossings == 1
    assert keeper.restart(snapshot(11)) is BookState.WHOLE


def test_a_newer_connection_takes_a_book_over_with_its_snapshot() -> None:
    keeper = Keeper(IN_STREAM)
    keeper.take(snapshot(10), 1)
    keeper.take(update(None, 11, None, [(99.0, 5.0)]), 1)
    keeper.take(update(None, 900, None, [(98.0, 5.0)]), 2)  # before its snapshot
    assert keeper.state is BookState.WHOLE
    assert keeper.take(snapshot(900, bid=99.5), 2) is BookState.WHOLE
    keeper.take(update(None, 12, None, [(1.0, 1.0)]), 1)  # the old one still talks
    keeper.take(update(None, 901, None, [(99.4, 2.0)]), 2)
    assert held(keeper)[0] == {99.5: 1.0, 99.4: 2.0}
    assert keeper.gaps == 0


def test_a_lost_connection_is_a_gap_until_the_sequence_is_known_again() -> None:
    keeper = in_order(chain(5))
    keeper.lose()
    assert keeper.state is BookState.BROKEN
    assert keeper.take(update(16, 16, 15), 1) is BookState.WHOLE  # nothing was missed
    keeper.lose()
    assert keeper.take(update(18, 18, 17), 1) is BookState.BROKEN


# --- the book -------------------------------------------------------------------------


def test_a_book_is_what_a_dictionary_would_be() -> None:
    random, book = Random(7), Book()
    book.reset(snapshot(1))
    bids, asks = {100.0: 1.0}, {101.0: 1.0}
    for _ in range(5_000):
        rows = [
            (base + sign * random.randint(0, 60) / 2, float(random.randint(0, 2)))
            for base, sign in ((100.0, -1), (101.0, 1))
        ]
        book.change(update(None, None, None, rows[:1], rows[1:]))
        for side, (price, size) in zip((bids, asks), rows, strict=True):
            side[price] = size
            if not size:
                del side[price]
    assert list(book.bids.levels()) == sorted(bids.items(), reverse=True)
    assert list(book.asks.levels()) == sorted(asks.items())
    assert not book.crossed


def test_a_side_has_a_bound_and_lets_the_worst_go() -> None:
    book = Book()
    deep: list[Level] = [(100.0, 1.0), (50.0, 1.0)]
    book.reset(DepthUpdate(None, 1, None, deep, [(101.0, 1.0)], 0, is_snapshot=True))
    assert book.bids.worth(60.0) == 100.0
    many = [(100.0 - n / 1000, 1.0) for n in range(3 * LEVELS_MAX)]
    for at in range(0, len(many), 500):
        book.change(update(None, None, None, many[at : at + 500]))
    assert len(book.bids.keys) == len(book.bids.sizes) <= LEVELS_MAX
    assert book.bids.best() == 100.0
    assert book.bids.worth(60.0) is None, "it does not know so far any more"


def test_depth_beyond_the_snapshot_is_unknown() -> None:
    book = Book()
    levels = (
        [(100.0 - n, 1.0) for n in range(3)],
        [(100.2 + n, 1.0) for n in range(9)],
    )
    book.reset(DepthUpdate(None, 1, None, *levels, 0, is_snapshot=True))
    bids, asks = book.depth_usd(0.05)
    assert bids is None
    assert asks == pytest.approx(sum(100.2 + n for n in range(5)))
    empty = Book()
    assert empty.depth_usd(0.01) == (None, None)


def test_the_checksum_is_of_the_best_levels_as_written() -> None:
    """The order is bid, ask, bid, ask; a side that is shorter leaves its turns out."""
    texts = ([["3366.1", "7"], ["3366", "6"]], [["3366.8", "9"]])
    book = Book()
    book.reset(
        DepthUpdate(
            None,
            1,
            None,
            [(3366.1, 7.0), (3366.0, 6.0)],
            [(3366.8, 9.0)],
            0,
            is_snapshot=True,
            texts=texts,
        )
    )
    found = book.checksum()
    assert found is not None
    assert found % (1 << 32) == zlib.crc32(b"3366.1:7:3366.8:9:3366:6")


@pytest.mark.parametrize(
    ("checksum", "state"), [(None, BookState.WHOLE), (1, BookState.EMPTY)]
)
def test_a_book_with_another_checksum_is_thrown_away(
    checksum: int | None, state: BookState
) -> None:
    keeper = Keeper(SequenceRule(judge_okx, by_rest=False, shared=False))
    whole = DepthUpdate(
        None, None, None, [(2.0, 1.0)], [(3.0, 1.0)], 0, is_snapshot=True
    )
    whole.texts = ([["2", "1"]], [["3", "1"]])
    right = zlib.crc32(b"2:1:3:1")
    whole.checksum = checksum or (right - (1 << 32) if right >= 1 << 31 else right)
    assert keeper.take(whole, 1) is state
