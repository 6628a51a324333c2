"""What live mode takes from the settings, and what a person has to type for it."""

import io
import math
from decimal import Decimal
from typing import Any

import pytest
import typer
from rich.console import Console

from actors.domain.errors import ExchangeError
from actors.domain.live import LiveRules
from actors.exchange.gate import beside_ccxt
from actors.exchange.live import open_live_account
from actors.market.synthetic import Demo
from actors.risk.account.book import CLOSED_KEPT
from config.errors import SettingsError
from config.live import LiveGroup
from config.sources import load_settings
from control.shell.confirming import allowed, confirmed
from control.shell.live_mode import live_plan
from control.shell.opened import Opened
from control.shell.options import RunOptions
from tests.gates import Gated

SENTENCE = "trade real money on binanceusdm"
SILENT = Console(file=io.StringIO())


# --- the settings ---------------------------------------------------------------------


def test_the_defaults_are_the_most_careful_ones() -> None:
    live = load_settings().live
    assert (live.symbols, live.leverage, live.margin) == ("", 1, "isolated")
    assert (live.first_order_usd_max, live.first_trades) == (50, 3)
    assert live.shadow
    accepted = (live.accept_withdrawal, live.accept_unverified, live.accept_switch_mode)
    assert not any(accepted)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("first_order_usd_max", "0"),
        ("first_order_usd_max", "-1"),
        ("first_trades", -1),
        ("first_trades", CLOSED_KEPT + 1),
        ("leverage", 0),
        ("leverage", 21),
        ("margin", "portfolio"),
        ("symbols", "A" * 65_537),
        ("key", "a-secret-in-the-settings"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(overrides={f"live.{name}": value})
    assert name in str(refused.value)
    assert "live" in str(refused.value)


@pytest.mark.parametrize("edge", [0, CLOSED_KEPT])
def test_as_many_first_trades_as_the_book_can_count(edge: int) -> None:
    given = {"live.first_trades": edge, "live.first_order_usd_max": "0.01"}
    assert load_settings(overrides=given).live.first_trades == edge


def test_symbols_are_named_once_whatever_the_blanks() -> None:
    assert allowed(LiveGroup(symbols=" B/T, A/T ,,B/T,")) == ("B/T", "A/T")
    assert allowed(LiveGroup(symbols=" , ")) == ()


@pytest.mark.parametrize(
    ("first_trades", "ended", "cap"),
    [(3, 0, 50), (3, 2, 50), (3, 3, None), (3, 99, None), (0, 0, None)],
)
def test_the_cap_is_lifted_by_trades_that_ended(
    first_trades: int, ended: int, cap: int | None
) -> None:
    rules = LiveRules(
        allowed=frozenset(),
        first_order_usd_max=Decimal(50),
        first_trades=first_trades,
    )
    assert rules.cap(ended) == cap


# --- the word -------------------------------------------------------------------------


def options(mode: str = "live", **settings: Any) -> RunOptions:
    given = {"market.spec": "exchange:binanceusdm", "live.symbols": "BTC/USDT:USDT"}
    return RunOptions(
        settings=load_settings(overrides=given | settings),
        preset="breakout_v1",
        strategy="breakout",
        mode=mode,
        symbols=None,
        speed=math.inf,
        duration_ms=None,
        data_dir=None,
        fresh=False,
        start=True,
        exit_at_end=False,
        report=None,
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A person at a terminal who types what is left in this list."""
    answers: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    def prompt(text: str, **_: Any) -> str:
        assert SENTENCE in text
        return answers.pop(0)

    monkeypatch.setattr(typer, "prompt", prompt)
    return answers


@pytest.mark.parametrize("typed", [SENTENCE, f"  {SENTENCE} "])
def test_the_sentence_that_is_typed_lets_it_go_on(asked: list[str], typed: str) -> None:
    asked.append(typed)
    given = options()
    assert confirmed(given, "", SILENT) is given
    assert asked == []


@pytest.mark.parametrize("typed", ["", "yes", "LIVE", f"{SENTENCE}!", SENTENCE.upper()])
def test_anything_else_is_refused_with_what_was_wanted(
    asked: list[str], typed: str
) -> None:
    asked.append(typed)
    with pytest.raises(SettingsError, match=SENTENCE):
        confirmed(options(), "", SILENT)


@pytest.mark.parametrize(("given", "passes"), [(SENTENCE, True), ("yes", False)])
def test_what_the_option_says_is_not_asked_again(
    asked: list[str], given: str, *, passes: bool
) -> None:
    asked.append(SENTENCE)
    if passes:
        confirmed(options(), given, SILENT)
    else:
        with pytest.raises(SettingsError, match="not confirmed"):
            confirmed(options(), given, SILENT)
    assert asked == [SENTENCE]


def test_without_a_terminal_nobody_is_asked(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(SettingsError, match="--confirm"):
        confirmed(options(), "", SILENT)


def test_paper_needs_no_word(asked: list[str]) -> None:
    given = options("paper", **{"market.spec": "demo", "live.symbols": ""})
    assert confirmed(given, "", SILENT) is given


async def test_an_exchange_without_a_gate_is_refused_by_its_name_and_no_traceback() -> (
    None
):
    given = {"market.spec": "exchange:kraken", "live.symbols": "BTC/USDT:USDT"}
    opened = Opened(
        market=Demo(symbols=1, seed=1),
        exchange_now_ms=lambda: 0,
        gates=(Gated(beside_ccxt("kraken")).gate,),  # counts nothing
    )
    keys = {"BREAKOUT_EXCHANGE_KEY": "k", "BREAKOUT_EXCHANGE_SECRET": "s"}
    plan = live_plan(load_settings(overrides=given), opened, keys)
    assert plan.gate is None
    with pytest.raises(ExchangeError, match="kraken"):
        async with open_live_account(plan):
            pytest.fail("it was opened")
