"""Whatever an exchange may say: what no table lists is Unknown."""

from hypothesis import given
from hypothesis import strategies as st

from actors.domain.orders import Placed, Refused, Unknown
from actors.exchange.outcome import TABLES, Act, Answer, classify

names = st.sampled_from([*TABLES, "nowhere", ""])
acts = st.sampled_from(Act)
codes = st.one_of(
    st.text(max_size=30),
    st.integers(-9_999, 199_999).map(str),
    st.sampled_from([c for t in TABLES.values() for c in (*t.place, *t.cancel)]),
)
answers = st.builds(
    Answer,
    status=st.one_of(st.none(), st.integers(0, 999)),
    code=codes,
    text=st.text(max_size=30),
    error=st.sampled_from(["", "", "RequestTimeout", "Cancelled", "x"]),
    exchange_id=st.sampled_from(["", "", "7"]),
)


def listed(code: str, among: frozenset[str]) -> bool:
    return any(code == known or code.startswith(f"{known}:") for known in among)


@given(names, acts, answers)
def test_only_what_a_table_lists_is_ever_proof(
    exchange: str, act: Act, answer: Answer
) -> None:
    found = classify(exchange, act, answer)
    if isinstance(found, Unknown):
        assert found.reason
        return
    table = TABLES[exchange]
    assert answer.error == ""
    assert answer.status is not None
    assert 200 <= answer.status < 500
    assert answer.status != 408
    if isinstance(found, Placed):
        assert answer.exchange_id
        assert answer.code in table.taken
        return
    assert isinstance(found, Refused)
    assert listed(answer.code, table.place if act is Act.PLACE else table.cancel)


@given(names, acts, answers, st.integers(500, 599))
def test_a_failing_server_proves_nothing(
    exchange: str, act: Act, answer: Answer, status: int
) -> None:
    failing = Answer(
        status=status,
        code=answer.code,
        text=answer.text,
        exchange_id=answer.exchange_id,
    )
    assert isinstance(classify(exchange, act, failing), Unknown)
