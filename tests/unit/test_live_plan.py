"""Which exchanges, keys and numbers a live account is opened with at all."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.bars import Instrument
from actors.domain.errors import ExchangeError
from actors.domain.ids import client_order_id
from actors.exchange.live import (
    ROWS,
    Accept,
    LivePlan,
    Permissions,
    open_live_account,
)
from actors.exchange.live.capabilities import row_for
from actors.exchange.live.symbols import Symbols, fee_in_quote
from config.secrets import Secret

D = Decimal
BTC = Instrument(
    symbol="BTC/USDT:USDT",
    base="BTC",
    quote="USDT",
    tick_size=D("0.1"),
    lot_size=D("0.001"),
    quantity_min=D("0.001"),
    notional_min=D(5),
    shortable=True,
    maker_fee_bps=D(2),
    taker_fee_bps=D(5),
)


def plan(**chosen: Any) -> LivePlan:
    given: dict[str, Any] = {
        "exchange": "binanceusdm",
        "key": Secret("the key"),
        "secret": Secret("the word"),
        "instruments": (BTC,),
        "now_ms": lambda: 0,
        "ask_seconds": 0.0,  # once
    }
    return LivePlan(**(given | chosen))


def test_a_secret_shows_in_no_text() -> None:
    shown = f"{plan()} {plan()!r} {Secret('the word')}"
    assert "the word" not in shown
    assert "the key" not in shown
    assert plan().secret.reveal() == "the word"


@pytest.mark.parametrize("name", ["bybit", "okx"])
def test_an_exchange_with_a_caution_is_refused_until_it_is_accepted(name: str) -> None:
    with pytest.raises(ExchangeError, match="never traded"):
        row_for(plan(exchange=name))
    accepted = plan(exchange=name, accept=frozenset({Accept.UNVERIFIED}))
    assert row_for(accepted) is ROWS[name]


@pytest.mark.parametrize("name", ["binance", "binanceusdm"])
def test_what_was_traded_on_our_exchange_needs_no_word(name: str) -> None:
    assert row_for(plan(exchange=name)) is ROWS[name]


async def test_an_accepted_exchange_without_our_orders_is_refused_too() -> None:
    accepted = plan(exchange="kraken", accept=frozenset({Accept.UNVERIFIED}))
    with pytest.raises(ExchangeError, match="orders are written for binance"):
        async with open_live_account(accepted):
            pytest.fail("it was opened")


def test_an_exchange_without_a_row_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(ExchangeError, match="trade live on binance, binanceusdm"):
        row_for(plan(exchange="htx"))


def test_the_engine_s_client_ids_fit_where_live_is_possible() -> None:
    ours = client_order_id("engine", "i-1", 12)
    fits = {name for name, row in ROWS.items() if row.names(ours)}
    assert fits == {"binance", "binanceusdm", "bybit", "okx"}
    assert not ROWS["binance"].names("")
    assert not ROWS["binance"].names(f"{ours}\n")


@pytest.mark.parametrize(
    ("may", "accept", "refused"),
    [
        (Permissions(trade=True, withdraw=False), (), False),
        (Permissions(trade=True, withdraw=True), (), True),
        (Permissions(trade=True), (), True),
        (Permissions(trade=True), (Accept.WITHDRAWAL,), False),
        (Permissions(trade=True), (Accept.UNVERIFIED,), True),
        (Permissions(trade=False, withdraw=False), (Accept.WITHDRAWAL,), True),
    ],
)
def test_a_key_is_judged_by_what_it_may_do(
    may: Permissions, accept: tuple[Accept, ...], *, refused: bool
) -> None:
    if refused:
        with pytest.raises(ExchangeError):
            may.check(frozenset(accept))
    else:
        may.check(frozenset(accept))


@pytest.mark.parametrize(
    ("asset", "fee", "worth"),
    [
        ("USDT", "0.5", "0.5"),
        ("USDT", "-0.1", "-0.1"),  # a maker's rebate
        ("BTC", "0.00001", "1"),
        ("BNB", "0.0007", "1"),  # the full taker rate: 5 bps of 2,000
        ("", "0", "0"),
    ],
)
def test_a_fee_is_told_in_quote_currency(asset: str, fee: str, worth: str) -> None:
    traded = D("0.02"), D(100_000)
    assert fee_in_quote(asset, D(fee), traded, BTC, maker=False) == D(worth)


def test_one_account_has_one_quote_currency() -> None:
    euro = msgspec.structs.replace(BTC, symbol="BTC/EUR", quote="EUR")
    with pytest.raises(ExchangeError, match="not in EUR, USDT"):
        Symbols((BTC, euro))
    with pytest.raises(ExchangeError, match="no instrument"):
        Symbols(())


def test_a_symbol_that_the_exchange_does_not_list_has_no_name_there() -> None:
    symbols = Symbols((BTC,))
    with pytest.raises(ExchangeError, match="is not traded here"):
        symbols.id_of("BTC/USDT:USDT")
    symbols.learn("BTCUSDT", "BTC/USDT:USDT")
    assert symbols.id_of("BTC/USDT:USDT") == "BTCUSDT"
    assert symbols.symbol_of("NEWUSDT") == "NEWUSDT"
