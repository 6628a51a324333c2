"""What the live port knows of its orders, and which symbols it must ask about."""

from decimal import Decimal

from actors.domain.orders import Fill, OrderState, OrderUpdate, Side
from actors.exchange.live import registry
from actors.exchange.live.registry import Registry

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


class Hour:
    """A clock that is set by hand."""

    now_ms = 1_000

    def __call__(self) -> int:
        return self.now_ms


def ended(client_id: str, symbol: str = BTC) -> OrderUpdate:
    state, filled = OrderState.FILLED, Decimal(1)
    return OrderUpdate(client_id, "7", symbol, state, filled, "", 0)


def fill(symbol: str) -> Fill:
    one = Decimal(1)
    return Fill("t", "a", symbol, Side.LONG, one, one, one, maker=False, ts_ms=0)


def test_a_symbol_is_active_while_an_order_lives_or_something_is_held() -> None:
    known = Registry(Hour())
    known.note("a", BTC, conditional=False)
    assert known.active() == {BTC}
    known.heard(ended("a"))
    assert known.active() == frozenset()
    known.heard(fill(ETH))
    assert known.active() == {ETH}
    known.holds(frozenset({BTC}))
    assert known.active() == {BTC}


def test_a_symbol_whose_order_has_left_the_list_is_asked_about() -> None:
    """It may have filled long after it was placed, and nobody told of it."""
    hour = Hour()
    known = Registry(hour)
    known.note("a", BTC, conditional=False)
    hour.now_ms = 600_000
    known.standing(["a"], [])
    assert known.active() == frozenset()
    assert known.to_ask(500_000) == {BTC}
    assert known.to_ask(600_001) == frozenset()


def test_a_symbol_whose_position_has_gone_is_asked_about() -> None:
    hour = Hour()
    known = Registry(hour)
    known.holds(frozenset({BTC}))
    hour.now_ms = 600_000
    known.holds(frozenset())
    assert known.to_ask(500_000) == {BTC}


def test_symbols_on_the_books_are_asked_about_from_the_start() -> None:
    assert Registry(Hour(), lambda: frozenset({ETH})).to_ask(0) == {ETH}


def test_an_order_that_was_sent_meanwhile_is_not_missed_in_a_list() -> None:
    known = Registry(Hour())
    before = list(known.orders)
    known.note("a", BTC, conditional=False)
    known.standing(before, [])
    assert known.active() == {BTC}


def test_only_ended_orders_are_forgotten() -> None:
    known = Registry(Hour())
    known.note("lives", BTC, conditional=True)
    for serial in range(registry.ORDERS_MAX + 10):
        known.note(f"a{serial}", BTC, conditional=False)
        known.heard(ended(f"a{serial}"))
    assert len(known.orders) <= registry.ORDERS_MAX + 1
    assert list(known.conditionals(BTC)) == ["lives"]


def test_the_oldest_ids_are_forgotten_first() -> None:
    known = Registry(Hour())
    for serial in range(registry.IDS_MAX + 1):
        known.same(BTC, str(serial), f"a{serial}")
    assert known.name_of(BTC, "0") is None
    assert known.name_of(BTC, "1") == "a1"


def test_a_name_of_ours_is_not_lost_to_the_one_that_a_stop_s_order_bears() -> None:
    known = Registry(Hour())
    known.same(BTC, "7", "exchange-s-own")
    known.same(BTC, "7", "bx1-a0")
    known.same(BTC, "7", "exchange-s-own")
    assert known.name_of(BTC, "7") == "bx1-a0"
