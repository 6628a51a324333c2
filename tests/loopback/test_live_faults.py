"""What a live account makes of answers that are lost, late, broken or refused.

Each fault of the loopback exchange's menu is met by exactly one request, and gives what
the table of outcomes says: Refused only where the exchange has said so.
"""

from typing import Any

import pytest
import trio

from actors.domain.errors import ExchangeError
from actors.domain.orders import OrderKind, OrderState, Placed, Refused, Side, Unknown
from tests.loopback.accounts import SYMBOL, Trader, trading, way
from tests.loopback.client import PATIENCE_SECONDS, exchange

pytestmark = pytest.mark.usefixtures("way")
__all__ = ["way"]

#: The fault, how it is set, the outcome of a place, how often it was carried out.
PLACED: tuple[tuple[str, dict[str, Any], type, int], ...] = (
    ("request_lost", {}, Unknown, 0),
    ("answer_lost", {}, Unknown, 1),
    ("error_after", {}, Unknown, 1),
    ("error_before", {}, Unknown, 0),
    ("refused_unlisted", {}, Unknown, 0),
    ("connection_reset", {}, Unknown, 0),
    ("rate_storm", {}, Refused, 0),
    ("maintenance", {}, Unknown, 0),
)


def intents(truth: Any) -> int:
    return sum(truth["intents"].values())


@pytest.mark.parametrize(("name", "how", "outcome", "taken"), PLACED)
async def test_a_place_that_goes_wrong_is_sent_once_and_not_read_too_kindly(
    name: str, how: dict[str, Any], outcome: type, taken: int
) -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await trader.fault(name, on=["place"], **how)
        answer = await trader.account.place(trader.request("bx0-entry"))
        assert isinstance(answer, outcome), answer
        assert client.exchange.menu.fired[name] == 1
        await trader.fault(name, count=0)
        assert intents(await trader.truth()) == taken
        word = await trader.account.fetch_order(SYMBOL, "bx0-entry")
        assert (word is not None) is bool(taken)


async def test_each_kind_of_garbage_is_unknown() -> None:
    """A page of a gateway, half an answer, and nothing at all."""
    async with exchange() as client, trading(client, stream=False) as trader:
        await trader.fault("garbage_body", on=["place"])
        for serial in range(6):
            request = trader.request(f"bx{serial}-entry")
            assert isinstance(await trader.account.place(request), Unknown)
        assert client.exchange.menu.fired["garbage_body"] == 6
        assert intents(await trader.truth()) == 6


async def test_a_ban_is_a_refusal() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        limiter = client.exchange.limiters[trader.venue]
        limiter._banned_until_ms = client.exchange.now_ms() + 60_000
        answer = await trader.account.place(trader.request("bx0-entry"))
        assert isinstance(answer, Refused)
        assert answer.reason.startswith("HTTP 418 -1003")


async def test_an_answer_that_comes_too_late_is_unknown() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        trader.account._venue.wire.exchange.timeout = 200
        await trader.fault("slow_answers", ms=600, on=["place"])
        answer = await trader.account.place(trader.request("bx0-entry"))
        assert isinstance(answer, Unknown)
        assert answer.reason.startswith("RequestTimeout")
        assert "signature" not in answer.reason


async def test_a_cancelled_caller_leaves_its_order_to_be_asked_for() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await trader.fault("slow_answers", ms=300, on=["place"])
        with trio.move_on_after(0.1) as scope:
            await trader.account.place(trader.request("bx0-entry"))
        assert scope.cancelled_caught
        with trio.fail_after(PATIENCE_SECONDS):
            while not await trader.account.fetch_order(SYMBOL, "bx0-entry"):  # noqa: ASYNC110 - nothing tells of it but the question
                await trio.sleep(0.05)


@pytest.mark.parametrize(
    ("name", "outcome", "ended"),
    [
        ("answer_lost", Unknown, True),
        ("request_lost", Unknown, False),
        ("garbage_body", Unknown, True),
        ("refused_unlisted", Unknown, False),
        ("rate_storm", Unknown, False),  # it says nothing of the order
    ],
)
async def test_a_cancel_that_goes_wrong_is_unknown(
    name: str, outcome: type, *, ended: bool
) -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await rest(trader)
        await trader.fault(name, on=["cancel"])
        assert isinstance(await trader.account.cancel(SYMBOL, "bx0-limit"), outcome)
        assert client.exchange.menu.fired[name] == 1
        word = await trader.account.fetch_order(SYMBOL, "bx0-limit")
        assert word is not None
        assert (word.state is OrderState.CANCELLED) is ended


async def rest(trader: Trader) -> None:
    limit = trader.price(Side.LONG, -2_000)
    request = trader.request("bx0-limit", kind=OrderKind.LIMIT, limit_price=limit)
    assert isinstance(await trader.account.place(request), Placed)


async def test_a_cancel_that_finds_its_order_filled_is_refused() -> None:
    async with exchange() as client, trading(client) as trader:
        await rest(trader)
        await trader.fault("cancel_races")
        assert isinstance(await trader.account.cancel(SYMBOL, "bx0-limit"), Refused)
        word = await trader.ended("bx0-limit")
        assert word.state is OrderState.FILLED


@pytest.mark.parametrize(
    "question",
    ["fetch_open_orders", "fetch_positions", "fetch_balance", "fetch_equity"],
)
@pytest.mark.parametrize("name", ["maintenance", "garbage_body", "answer_lost"])
async def test_a_question_without_an_answer_raises_and_is_never_empty(
    question: str, name: str
) -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await trader.fault(name)
        with pytest.raises(ExchangeError):
            await getattr(trader.account, question)()


async def test_an_order_s_word_is_none_only_when_the_exchange_says_so() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await rest(trader)
        await trader.fault("error_before", on=["query"])
        with pytest.raises(ExchangeError):
            await trader.account.fetch_order(SYMBOL, "bx0-limit")
        with pytest.raises(ExchangeError):
            await trader.account.fetch_fills(0)


async def test_a_skewed_clock_is_a_refusal_by_the_exchange() -> None:
    async with exchange(speed="1") as client, trading(client, stream=False) as trader:
        await trader.fault("clock_skew", ms=20_000)
        answer = await trader.account.place(trader.request("bx0-entry"))
        assert isinstance(answer, Refused)
        assert "-1021" in answer.reason


async def test_a_stop_that_vanishes_is_not_shown_as_resting() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await trader.account.place(trader.request("bx0-entry"))
        await trader.fault("stop_vanishes", ms=1)
        assert isinstance(await trader.account.place(trader.stop("bx0-stop")), Placed)
        await client.sim("POST", "advance", {"ms": 1_000})
        assert await trader.account.fetch_open_orders() == ()


async def test_too_many_stops_is_a_refusal() -> None:
    async with exchange() as client, trading(client, stream=False) as trader:
        await trader.account.place(trader.request("bx0-entry"))
        await trader.fault("stop_refused")
        answer = await trader.account.place(trader.stop("bx0-stop"))
        assert isinstance(answer, Refused)
        assert "-4045" in answer.reason
