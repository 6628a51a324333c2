"""The audit chain: any change to any row of any history is found at that row."""

from hypothesis import given
from hypothesis import strategies as st

from actors.journal.audit import GENESIS, Fact, SealedFact, first_broken, seal

texts = st.text(max_size=6)
facts = st.tuples(
    st.integers(1, 99),
    texts,
    st.integers(0, 99),
    st.none() | texts,
    st.none() | texts,
    texts,
)


def chained(history: list[Fact]) -> list[SealedFact]:
    rows, head = [], GENESIS
    for fact in history:
        previous, head = head, seal(fact, head)
        rows.append((*fact, previous, head))
    return rows


@given(st.lists(facts, max_size=6))
def test_untouched_chain_is_sound_and_gives_its_end(history: list[Fact]) -> None:
    rows = chained(history)
    assert first_broken(rows) == (None, rows[-1][-1] if rows else GENESIS)


@given(st.lists(facts, min_size=1, max_size=6), st.data())
def test_any_changed_field_is_found_at_its_row(
    history: list[Fact], data: st.DataObject
) -> None:
    rows = chained(history)
    index = data.draw(st.integers(0, len(rows) - 1))
    other = data.draw(facts.filter(lambda fact: fact != history[index]))
    rows[index] = (*other, *rows[index][6:])
    assert first_broken(rows)[0] == other[0]


@given(st.lists(facts, min_size=2, max_size=6), st.data())
def test_any_removed_row_is_found_at_the_next(
    history: list[Fact], data: st.DataObject
) -> None:
    rows = chained(history)
    index = data.draw(st.integers(0, len(rows) - 2))
    following = rows[index + 1][0]
    del rows[index]
    assert first_broken(rows)[0] == following


@given(facts, facts)
def test_different_rows_never_share_a_hash(one: Fact, other: Fact) -> None:
    assert (seal(one, GENESIS) == seal(other, GENESIS)) == (one == other)


def test_text_cannot_move_from_one_field_to_the_next() -> None:
    one = (1, "s", 0, "x", "y", "{}")
    other = (1, "s", 0, "x=y", None, "{}")
    assert seal(one, GENESIS) != seal(other, GENESIS)
