"""An account that is not set up as the engine takes it to be is not traded."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.errors import ExchangeError
from actors.domain.orders import Placed, Refused
from actors.exchange.live import Accept, MarginMode, open_live_account
from actors.loopback.floor.pit import Venue
from actors.loopback.rest import counter
from actors.loopback.rest.request import private
from config.secrets import Secret
from tests.loopback.accounts import SYMBOL, Trader, instruments, plan_for, trading, way
from tests.loopback.client import Client, exchange
from tests.loopback.test_live_stream import cut

__all__ = ["way"]


async def refusal(client: Client, **chosen: Any) -> str:
    async with open_live_account(plan_for(client, **chosen)) as account:
        with pytest.raises(ExchangeError) as refused:
            await account.prepare()
        return str(refused.value)


@pytest.mark.usefixtures("way")
async def test_a_key_that_can_withdraw_is_refused_unless_it_is_accepted() -> None:
    key = Secret("loopback-withdraw")
    async with exchange() as client:
        assert "can withdraw" in await refusal(client, key=key)
        accept = frozenset({Accept.WITHDRAWAL})
        async with trading(client, stream=False, key=key, accept=accept) as trader:
            may = await trader.account.permissions()
            assert (may.trade, may.withdraw, may.ip_restricted) == (True, True, True)


@pytest.mark.usefixtures("way")
async def test_a_key_that_cannot_trade_is_refused() -> None:
    async with exchange() as client:
        assert "may not trade" in await refusal(client, key=Secret("loopback-reader"))


@pytest.mark.usefixtures("way")
async def test_a_key_of_which_nothing_is_known_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = ("GET", "/sapi/v1/account/apiRestrictions")
    monkeypatch.setitem(counter.ROUTES, path, private(lambda _asked: {}))
    async with exchange() as client:
        assert "may be able to withdraw" in await refusal(client)


@pytest.mark.parametrize("told", [{"multiAssetsMargin": True}, {}])
async def test_multi_assets_mode_is_refused(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, bool]
) -> None:
    path = ("GET", "/fapi/v1/accountConfig")
    monkeypatch.setitem(counter.ROUTES, path, private(lambda _asked: told))
    async with exchange() as client:
        assert "multi-assets mode" in await refusal(client)


@pytest.mark.usefixtures("way")
async def test_hedge_mode_is_refused_and_left_only_when_asked() -> None:
    async with exchange() as client:
        client.exchange.futures.hedged = True
        assert "switch it to one-way mode" in await refusal(client)
        assert client.exchange.futures.hedged
        accept = frozenset({Accept.SWITCH_MODE})
        async with trading(client, stream=False, accept=accept):
            assert not client.exchange.futures.hedged


@pytest.mark.usefixtures("way")
async def test_hedge_mode_is_not_left_with_a_position() -> None:
    async with exchange() as client:
        client.exchange.futures.hedged = True
        await client.order("BUY", "MARKET", "0.02", positionSide="LONG")
        told = await refusal(client, accept=frozenset({Accept.SWITCH_MODE}))
        assert "-4068" in told


@pytest.mark.usefixtures("way")
async def test_rules_that_differ_are_refused_with_both_sides() -> None:
    async with exchange() as client:
        wrong = msgspec.structs.replace(
            instruments(client)[0], tick_size=Decimal("0.03"), notional_min=Decimal(1)
        )
        told = await refusal(client, instruments=(wrong,))
        assert "tick size 0.1" in told
        assert "0.03 here" in told
        assert "least notional" in told


@pytest.mark.usefixtures("way")
async def test_a_symbol_that_is_not_listed_is_refused() -> None:
    async with exchange() as client:
        strange = msgspec.structs.replace(
            instruments(client)[0], symbol="DOGE/USDT:USDT", base="DOGE"
        )
        assert "not listed" in await refusal(client, instruments=(strange,))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("mode", MarginMode)
async def test_leverage_and_margin_are_set_and_read_back(mode: MarginMode) -> None:
    async with exchange() as client:
        chosen = {"leverage": 7, "margin_mode": mode}
        async with trading(client, stream=False, **chosen):
            ledger = client.exchange.futures
            assert ledger.leverage_of("BTCUSDT") == 7
            assert ("BTCUSDT" in ledger.isolated) is (mode is MarginMode.ISOLATED)


@pytest.mark.usefixtures("way")
async def test_leverage_that_does_not_read_back_takes_no_entry() -> None:
    async with exchange() as client:
        await client.sim("POST", "faults", {"leverage_ignored": {}})
        assert "has leverage" in await refusal(client)


async def doubted(trader: Trader) -> None:
    """Somebody changes the leverage by hand; the exchange tells of it."""
    trader.client.exchange.futures.leverage["BTCUSDT"] = 50
    change = {"s": "BTCUSDT", "l": 50}
    trader.account._stream._settings({"e": "ACCOUNT_CONFIG_UPDATE", "ac": change})


async def test_leverage_changed_by_hand_is_set_anew_before_the_next_entry() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await doubted(trader)
        assert isinstance(await trader.account.place(trader.request("bx0-e")), Placed)
        assert client.exchange.futures.leverage_of("BTCUSDT") == 5


async def test_leverage_changed_in_a_gap_is_set_anew_before_the_next_entry() -> None:
    async with exchange() as client, trading(client) as trader:
        await trader.account.place(trader.request("bx0-e"))
        client.exchange.futures.leverage["BTCUSDT"] = 50  # nobody tells of it
        told = len(trader.told)
        await cut(trader)
        await trader.until(lambda: len(trader.told) > told)
        assert isinstance(await trader.account.place(trader.request("bx1-e")), Placed)
        assert client.exchange.futures.leverage_of("BTCUSDT") == 5


async def test_settings_are_read_back_once_and_not_set_again() -> None:
    async with exchange() as client, trading(client) as trader:
        await trader.fault("leverage_ignored")
        for name in ("bx0-e", "bx1-e"):
            await trader.account.place(trader.request(name))
            await trader.ended(name)
        assert client.exchange.menu.fired["leverage_ignored"] == 0
        assert trader.account._setup._confirmed == {"", SYMBOL}  # type: ignore[attr-defined]


async def test_a_doubt_that_comes_while_it_is_read_stays_one() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await doubted(trader)
        setup: Any = trader.account._setup
        modes = setup._modes

        async def slow_modes() -> None:
            await modes()
            setup.doubt(SYMBOL)

        setup.doubt("")
        setup._modes = slow_modes
        assert isinstance(await trader.account.place(trader.request("bx0-e")), Placed)
        assert setup._confirmed == set()


async def test_a_mode_changed_by_hand_takes_no_entry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, told = ("GET", "/fapi/v1/accountConfig"), {"multiAssetsMargin": False}
    monkeypatch.setitem(counter.ROUTES, path, private(lambda _asked: told))
    async with exchange() as client, trading(client, stream=False) as trader:
        told["multiAssetsMargin"] = True
        change = {"e": "ACCOUNT_CONFIG_UPDATE", "ai": {"j": True}}
        trader.account._stream._settings(change)  # type: ignore[attr-defined]
        entry = await trader.account.place(trader.request("bx0-e"))
        assert isinstance(entry, Refused)
        assert "multi-assets mode" in entry.reason


async def test_an_entry_waits_for_its_leverage_and_a_stop_does_not() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await trader.account.place(trader.request("bx0-e"))
        await doubted(trader)
        await trader.fault("leverage_ignored")
        entry = await trader.account.place(trader.request("bx1-e"))
        assert isinstance(entry, Refused)
        assert entry.reason.startswith(f"not sent: {SYMBOL} has leverage 50")
        assert "bx1-e" not in (await trader.truth())["intents"]
        assert isinstance(await trader.account.place(trader.stop("bx0-s")), Placed)


@pytest.mark.usefixtures("way")
async def test_nothing_is_sent_before_the_account_is_prepared() -> None:
    async with exchange() as client, open_live_account(plan_for(client)) as account:
        trader = Trader(client, account, Venue.USDM)
        answer = await account.place(trader.request("bx0-e"))
        assert isinstance(answer, Refused)
        assert "not prepared" in answer.reason


@pytest.mark.usefixtures("way")
async def test_requests_are_signed_with_the_exchange_s_time() -> None:
    """Its market goes sixty times as fast as our clock."""
    async with exchange(speed="60") as client, trading(client) as trader:
        assert isinstance(await trader.account.place(trader.request("bx0-e")), Placed)
        await trader.ended("bx0-e")
