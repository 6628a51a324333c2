"""The shadow never touches the real account; and what a restart leaves of it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.domain.orders import (
    ExchangePosition,
    OpenOrder,
    OrderKind,
    OrderRequest,
    Outcome,
    Placed,
    Side,
)
from actors.exchange.shadow import comparison, replay
from actors.exchange.shadow.shadowed import FAULTS_MAX
from tests.unit.shadow_rig import Rig

UP = (100.0, 104.0, 99.0, 103.0)
FLAT = (103.0, 103.0, 103.0, 103.0)


async def round_trip(rig: Rig) -> None:
    await rig.bar(*UP, acts={20_000: rig.buy(), 40_000: rig.sell()})
    await rig.bar(*FLAT)


def broken(*_: Any, **__: Any) -> Any:
    msg = "a fault of the shadow"
    raise RuntimeError(msg)


PARTS = (
    ("_side", "sending"),
    ("_side", "flat"),
    ("_side", "word"),
    ("_side", "fill"),
    ("_comparison", "sending"),
    ("_comparison", "real"),
    ("_comparison", "look"),
    ("_comparison", "paper"),
    ("_comparison", "settle"),
    ("_replay", "note"),
    ("_replay", "active"),
    ("_replay", "held"),
    ("_replay", "open_bar"),
    ("_replay", "play"),
)


@pytest.mark.parametrize(("room", "part"), PARTS)
async def test_a_fault_of_any_part_leaves_the_real_account_as_it_is(
    room: str, part: str
) -> None:
    sound, rig = Rig(), Rig()
    await round_trip(sound)
    setattr(getattr(rig.shadow, room), part, broken)
    rig.shadow._replay._double.connect(rig.shadow._comparison.paper)
    await round_trip(rig)
    rig.shadow.held()
    assert rig.heard == sound.heard
    assert rig.real.state == sound.real.state
    found = rig.shadow.divergence()
    assert found.faults > 0
    assert found.last_fault == "RuntimeError: a fault of the shadow"


async def test_the_shadow_compares_again_after_a_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig()
    with monkeypatch.context() as patch:
        patch.setattr(rig.shadow._replay, "_place", broken)
        await round_trip(rig)
    found = rig.shadow.divergence()
    assert (found.faults, found.trades) == (1, ())
    await rig.bar(*FLAT)
    assert rig.shadow.divergence().uncompared == {"the shadow failed": 1}
    await round_trip(rig)
    assert len(rig.shadow.divergence().trades) == 1
    assert rig.shadow.divergence().trades[0].difference_usd == 0


async def test_after_many_faults_the_shadow_is_off_and_what_is_held_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig()
    monkeypatch.setattr(rig.shadow._replay, "play", broken)
    for _ in range(FAULTS_MAX + 5):
        await rig.bar(*FLAT)
    found = rig.shadow.divergence()
    assert (found.off, found.faults) == (True, FAULTS_MAX)
    await rig.bar(*UP, acts={20_000: rig.buy()})
    assert rig.shadow.held() == rig.shadow.active() == {"AAA"}
    await rig.bar(*UP, acts={20_000: rig.sell()})
    assert rig.shadow.active() == frozenset()
    assert not rig.shadow._replay._notes, "nothing is kept for nobody"


async def test_a_sink_that_fails_is_the_engines_affair_and_is_not_hidden() -> None:
    rig = Rig()
    rig.shadow.connect(broken)
    with pytest.raises(RuntimeError, match="a fault"):
        await rig.bar(*UP, acts={20_000: rig.buy()})
    assert rig.shadow.divergence().faults == 0


async def test_notes_without_a_market_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay, "NOTES_MAX", 3)
    rig = Rig()
    bid = {"kind": OrderKind.LIMIT, "limit_price": "50"}
    for _ in range(9):
        await rig.buy(**bid)()
    assert len(rig.shadow._replay._notes) == 3
    assert rig.shadow._comparison.pairs == {}
    assert rig.shadow.active() == {"AAA"}


async def test_the_real_call_does_not_wait_for_the_shadow() -> None:
    """The real exchange has the order before the shadow has done anything with it."""
    rig = Rig()
    seen: list[OrderRequest] = []
    plain = rig.real.place

    async def place(request: OrderRequest) -> Outcome:
        seen.append(request)
        assert rig.shadow._replay._double.state.orders == {}
        return await plain(request)

    rig.real.place = place  # type: ignore[method-assign]
    answer = await rig.buy()()
    assert isinstance(answer, Placed)
    assert rig.shadow._replay._double.state.orders == {}
    assert [request.client_id for request in seen] == ["o1"]


async def test_cancels_reach_the_shadow_at_their_moment() -> None:
    rig = Rig()
    bid = {"kind": OrderKind.LIMIT, "limit_price": "101"}
    order = rig.buy("1", **bid)
    fall = (103.0, 103.5, 100.0, 102.0)  # its high comes first, 101 late
    await rig.bar(*FLAT, acts={10_000: order})
    await rig.bar(*fall, acts={1_000: rig.cancel("o1")})
    await rig.bar(*FLAT)
    (row,) = rig.shadow.divergence().orders
    assert row.real == row.paper
    assert (row.paper.ended, row.paper.filled_share) == ("user", 0.0)


async def test_a_refused_cancel_is_none_in_the_shadow() -> None:
    """The real order had filled before: paper may still fill it as well."""
    rig = Rig()
    bid = {"kind": OrderKind.LIMIT, "limit_price": "101"}
    await rig.bar(*FLAT, acts={10_000: rig.buy("1", **bid)})
    acts = {1_000: lambda: rig.fill_alone("o1", "101"), 2_000: rig.cancel("o1")}
    await rig.bar(103.0, 103.5, 100.0, 102.0, acts=acts)
    (pair,) = rig.shadow._comparison.pairs.values()
    assert (pair.paper.filled, pair.paper.ended) == (1, "filled")


async def test_a_restart_in_a_trade_leaves_that_trade_out_and_goes_on() -> None:
    rig = Rig()
    stop = {"kind": OrderKind.STOP_MARKET, "stop_price": "98"}
    await rig.bar(*UP, acts={20_000: rig.buy(), 30_000: rig.sell(**stop)})
    rig.begin()
    assert rig.shadow.held() == frozenset()
    await rig.fetches()
    assert rig.shadow.held() == {"AAA"}, "the engine's own questions told it"
    await rig.bar(*FLAT, acts={30_000: rig.sell(), 40_000: rig.cancel("o2")})
    await rig.bar(*FLAT)
    found = rig.shadow.divergence()
    assert found.uncompared == {comparison.HELD_BEFORE: 1}
    assert found.trades == found.orders == ()
    assert rig.shadow.active() == frozenset()
    await round_trip(rig)
    assert len(rig.shadow.divergence().trades) == 1


async def test_a_position_that_went_by_hand_is_believed_and_ends_the_trade() -> None:
    rig = Rig()
    await rig.bar(*UP, acts={20_000: rig.buy()})
    rig.real.clear("AAA")  # somebody sold it elsewhere, and nothing is told
    await rig.fetches()
    assert rig.shadow._side.positions == {}
    await rig.bar(*FLAT)
    await rig.bar(*FLAT)
    assert sum(rig.shadow.divergence().uncompared.values()) == 1
    assert rig.shadow.active() == frozenset()


async def test_what_is_told_twice_counts_once_and_old_words_revive_nothing() -> None:
    rig = Rig()
    bid = {"kind": OrderKind.LIMIT, "limit_price": "101"}
    await rig.bar(*FLAT, acts={10_000: rig.buy(**bid)})
    stale = await rig.real.fetch_open_orders()
    await rig.bar(103.0, 103.5, 100.0, 102.0, acts={55_000: rig.sell()})
    for update in rig.heard[::-1]:
        rig.shadow._told(update)
    rig.shadow._side.fetched_orders(stale)
    await rig.bar(*FLAT)
    assert rig.shadow.active() == frozenset()
    assert len(rig.shadow.divergence().trades) == 1
    assert rig.shadow.divergence().faults == 0


async def test_a_fetch_that_is_ahead_of_the_stream_is_not_counted_twice() -> None:
    """The position has the fill that is yet to be told."""
    rig = Rig()
    rig.real.silent = True
    fetch = rig.shadow.fetch_positions
    await rig.bar(*UP, acts={20_000: rig.buy(), 30_000: fetch})
    assert rig.shadow._side.positions == {}
    rig.real.silent = False
    for update in rig.real.unheard:
        rig.shadow._told(update)
    assert rig.shadow._side.positions == {"AAA": Decimal(1)}


async def test_a_fetch_that_a_fill_overtakes_is_not_believed() -> None:
    rig = Rig()
    await rig.bar(*UP, acts={20_000: rig.buy()})
    before = await rig.real.fetch_positions()
    assert before

    async def overtaken() -> tuple[ExchangePosition, ...]:
        for update in rig.real.unheard:
            rig.shadow._told(update)
        return before

    rig.real.silent = True
    rig.real.fetch_positions = overtaken  # type: ignore[method-assign]
    await rig.bar(*FLAT, acts={5_000: rig.sell(), 20_000: rig.shadow.fetch_positions})
    assert rig.shadow._side.positions == {}


async def test_a_trade_of_very_many_orders_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparison, "PAIRS_MAX", 2)
    rig = Rig()
    acts = {n * 1_000: rig.buy() for n in range(1, 4)} | {40_000: rig.sell("3")}
    await rig.bar(*UP, acts=acts)
    await rig.bar(*FLAT)
    found = rig.shadow.divergence()
    assert found.uncompared == {comparison.TOO_MANY: 1}
    assert found.orders == found.trades == ()


async def test_what_was_compared_survives_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "shadow.json")
    rig.real.worse_bps = Decimal(10)
    await round_trip(rig)
    rig.real.answers = ["absent"]
    await rig.bar(*UP, acts={20_000: rig.buy()})
    await rig.bar(*FLAT)
    before = rig.shadow.divergence()
    assert (len(before.orders), len(before.trades)) == (2, 1)
    assert before.uncompared != {}
    rig.begin()
    after = rig.shadow.divergence()
    assert after.orders == before.orders
    assert after.trades == before.trades
    assert after.totals == before.totals
    assert after.uncompared == before.uncompared
    await round_trip(rig)
    assert len(rig.shadow.divergence().trades) == 2


async def test_a_memory_that_cannot_be_used_is_a_fault_and_no_more(
    tmp_path: Path,
) -> None:
    memory = tmp_path / "shadow.json"
    memory.write_text("no rows")
    rig = Rig(memory)
    assert rig.shadow.divergence().faults == 1
    memory.unlink()
    memory.mkdir()  # nothing can be written there
    await round_trip(rig)
    found = rig.shadow.divergence()
    assert (found.faults, len(found.trades)) == (2, 1)
    assert "shadow.json" in found.last_fault


async def test_what_the_account_holds_of_other_symbols_is_not_played(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig()
    elsewhere = OrderRequest("by-hand", "ZZZ", Side.LONG, OrderKind.MARKET, Decimal(1))

    async def positions() -> tuple[ExchangePosition, ...]:
        return tuple(
            ExchangePosition(name, Decimal(1), Decimal(100)) for name in ("BBB", "ZZZ")
        )

    async def orders() -> tuple[OpenOrder, ...]:
        return (OpenOrder(elsewhere, "x"),)

    monkeypatch.setattr(rig.real, "fetch_positions", positions)
    monkeypatch.setattr(rig.real, "fetch_open_orders", orders)
    await rig.fetches()
    assert rig.shadow.held() == rig.shadow.active() == {"BBB"}


async def test_a_shadow_that_is_not_wanted_notes_nothing(tmp_path: Path) -> None:
    rig = Rig()
    rig.memory = tmp_path / "shadow.json"
    rig.begin(compares=False)
    await round_trip(rig)
    found = rig.shadow.divergence()
    assert found.off
    assert (found.orders, found.trades, found.faults) == ((), (), 0)
    assert rig.heard
    assert not rig.memory.exists()
