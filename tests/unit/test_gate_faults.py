"""The table of faults: whole, and every row about a class that exists."""

import builtins
from types import ModuleType

import httpx
import msgspec
import pytest
import trio
from trio.testing import MockClock

from actors.domain.errors import ExchangeError
from actors.domain.severity import Severity
from actors.exchange import ccxtrio
from actors.exchange.ccxtrio import carrier
from actors.exchange.gate import RULES, Fault, Lane, Then, fault_of
from actors.exchange.gate.faults import NAMED, STATUSES, fault_of_status
from tests.gates import Gated

assert ccxtrio.__all__  # it sees to how ccxt is loaded

from ccxt.base import errors as ccxt_errors  # noqa: E402 - as its package says

ROOMS: tuple[ModuleType, ...] = (
    *(ccxt_errors, httpx, trio, builtins, carrier, msgspec),
)


def test_every_fault_has_a_row_and_every_row_a_reason() -> None:
    assert set(RULES) == set(Fault)
    for fault, rule in RULES.items():
        assert not (rule.trips and rule.ban_seconds), fault  # one or the other
        assert (rule.then is Then.HALT) <= (rule.severity.rank >= 2), fault
        assert not (rule.retry and rule.then is Then.HALT), fault


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_name_is_of_a_class_that_exists(name: str) -> None:
    found = [getattr(room, name, None) for room in ROOMS]
    assert any(isinstance(one, type) for one in found)


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        *((code, None) for code in (200, 204, 304)),
        *((code, Fault.REQUEST) for code in (400, 404, 451)),
        *((code, Fault.SERVER) for code in (500, 502, 503, 504, 520)),
        *STATUSES.items(),
    ],
)
def test_a_status_tells(status: int, fault: Fault | None) -> None:
    assert fault_of_status(status) is fault


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ccxt_errors.RateLimitExceeded("x"), Fault.RATE_LIMIT),
        (ccxt_errors.DDoSProtection("x"), Fault.RATE_LIMIT),
        (ccxt_errors.OnMaintenance("x"), Fault.MAINTENANCE),
        (ccxt_errors.ExchangeNotAvailable("x"), Fault.SERVER),
        (ccxt_errors.RequestTimeout("x"), Fault.NETWORK),
        (ccxt_errors.PermissionDenied("x"), Fault.AUTH),
        (ccxt_errors.InvalidNonce("x"), Fault.CLOCK),
        (ccxt_errors.InsufficientFunds("x"), Fault.REQUEST),
        (ccxt_errors.NullResponse("x"), Fault.PARSE),
        (httpx.ConnectTimeout(""), Fault.NETWORK),
        (httpx.RemoteProtocolError(""), Fault.NETWORK),
        (trio.TooSlowError(), Fault.NETWORK),
        (ConnectionResetError(), Fault.NETWORK),
        (msgspec.DecodeError(""), Fault.PARSE),
        (UnicodeDecodeError("utf-8", b"", 0, 1, ""), Fault.PARSE),
        (ZeroDivisionError(), None),
        (ExchangeError("without a cause"), None),
    ],
)
def test_an_error_tells(error: Exception, fault: Fault | None) -> None:
    assert fault_of(error) is fault


def test_our_own_error_speaks_for_its_cause() -> None:
    error = ExchangeError("x")
    error.__cause__ = httpx.ReadError("")
    assert fault_of(error) is Fault.NETWORK


async def test_the_exchanges_own_word_counts_more_than_400() -> None:
    gated = Gated()

    async def ask() -> None:
        async with gated.gate.request() as ticket:
            ticket.told(400, {})
            raise ccxt_errors.InvalidNonce

    with pytest.raises(ccxt_errors.InvalidNonce):
        await ask()
    assert gated.gate.view().trouble == "clock"


async def test_a_cut_answer_is_the_networks_whatever_ccxt_calls_it() -> None:
    gated = Gated()
    with pytest.raises(ccxt_errors.ExchangeError):
        async with gated.gate.request():
            raise ccxt_errors.ExchangeError from httpx.ReadError("")
    assert gated.gate.view().failures == {"network": 1}


async def test_a_fault_that_halts_is_told_once_a_minute_and_ends_with_an_answer() -> (
    None
):
    gated = Gated()
    for _ in range(3):
        await gated.ask(401)
    assert [one.severity for one in gated.alerts] == [Severity.CRITICAL]
    gated.clock.set_ms = 60_000
    await gated.ask(401)
    assert len(gated.alerts) == 2
    assert gated.gate.view().trouble == "authorisation"
    await gated.ask(200)
    assert gated.gate.view().trouble is None
    assert gated.gate.allows(Lane.ENTRY)
    assert gated.gate.view().faults["authorisation"] == 4


async def test_what_halts_and_what_is_open_refuse_entries_and_say_why(
    autojump_clock: MockClock,
) -> None:
    gated = Gated()
    assert gated.gate.no_entries() is None
    await gated.ask(401)
    assert gated.gate.no_entries() == "binanceusdm: authorisation"
    await gated.ask(200)
    assert gated.gate.no_entries() is None
    for _ in range(gated.gate.breaker.patience.failures):
        await gated.ask(503, Lane.PROTECT)
    why = gated.gate.view().no_entries
    assert why is not None
    assert "breaker open" in why
