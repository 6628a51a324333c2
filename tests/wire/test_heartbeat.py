"""The heartbeat on a real socket: well, unwell, redirected, endless, not heard."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from config.outside import HeartbeatGroup
from config.secrets import Secret
from control.vitals.health import Health
from control.vitals.heartbeat import Heartbeat
from tests.wire.listeners import OK, REFUSED, Answer, Listener, hang, listening

WELL, UNWELL = Health((), ()), Health((), ("feed: 20 s old",))


class Pulse:
    """A heartbeat at a listener; a test says how the engine is."""

    def __init__(self, listener: Listener, **settings: object) -> None:
        self.health = WELL
        self.alarms: list[str] = []
        url = Secret(f"http://127.0.0.1:{listener.port}/canary/1?x=y")
        given = {"answer_seconds_max": 1.0, **settings}
        self.heart = Heartbeat(
            url,
            HeartbeatGroup(**given),
            lambda: self.health,
            lambda text, severity, _: self.alarms.append(f"{severity} {text}"),
        )
        # Faster than a person may choose.
        self.heart._settings = Fast(self.heart._settings)


class Fast:
    """Settings with a short period."""

    period_seconds = 0.05

    def __init__(self, settings: HeartbeatGroup) -> None:
        self._settings = settings

    def __getattr__(self, name: str) -> object:
        return getattr(self._settings, name)


@asynccontextmanager
async def beating(
    answer: Answer | bytes, health: Health = WELL, **settings: object
) -> AsyncIterator[tuple[Listener, Pulse]]:
    async with listening(answer) as listener:
        pulse = Pulse(listener, **settings)
        pulse.health = health
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pulse.heart.run)
            yield listener, pulse
            nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control.vitals.heartbeat.SECOND_LOOK_SECONDS", 0.05)


async def test_what_has_passed_at_the_second_look_is_no_illness() -> None:
    async with beating(OK, UNWELL) as (listener, pulse):
        looks = iter([UNWELL, WELL])
        pulse.heart._look = lambda: next(looks, WELL)
        await listener.hears(2)
    assert {heard.path for heard in listener.heard} == {"/canary/1?x=y"}


async def test_a_well_engine_pings_again_and_again() -> None:
    async with beating(OK) as (listener, pulse):
        await listener.hears(3)
    assert {heard.path for heard in listener.heard} == {"/canary/1?x=y"}
    assert pulse.heart.sent >= 2
    assert pulse.alarms == []


async def test_an_engine_that_is_not_well_says_so(quiet_log: None) -> None:
    async with beating(OK, UNWELL) as (listener, _):
        await listener.hears(2)
    assert {heard.path for heard in listener.heard} == {"/canary/1/fail?x=y"}


async def test_or_stays_away_where_the_watchdog_knows_no_failures(
    quiet_log: None,
) -> None:
    async with beating(OK, UNWELL, fail_suffix="") as (listener, pulse):
        await trio.sleep(0.3)
        assert listener.heard == []
        pulse.health = WELL
        await listener.hears(1)


async def test_a_redirect_is_not_followed(quiet_log: None) -> None:
    async with listening(OK) as elsewhere:
        there = f"http://127.0.0.1:{elsewhere.port}/"
        answer = f"HTTP/1.1 302 Go\r\nlocation: {there}\r\ncontent-length: 0\r\n\r\n"
        async with beating(answer.encode()) as (listener, pulse):
            await listener.hears(4)
            assert elsewhere.heard == []
            assert pulse.alarms == [
                "warning 3 heartbeats in a row were not heard: answered 302"
            ]


async def test_an_endless_answer_is_not_read() -> None:
    sent = 0

    async def endless(stream: trio.SocketStream) -> None:
        nonlocal sent
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await stream.send_all(b"x" * 65_536)
            sent += 65_536

    async with beating(endless) as (listener, pulse):
        await listener.hears(3)
    assert pulse.heart.sent >= 2
    assert sent < 64 * 1024 * 1024  # what the system's buffers took


async def test_a_trickle_ends_at_the_deadline(quiet_log: None) -> None:
    async def trickle(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nx-slow: ")
        while True:
            await stream.send_all(b"x")
            await trio.sleep(0.05)

    async with beating(trickle) as (listener, pulse):
        with trio.fail_after(60):
            await listener.hears(2)
    assert pulse.heart.sent == 0


async def test_an_outage_is_told_once_and_so_is_its_end(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with beating(REFUSED) as (listener, pulse):
        await listener.hears(8)
        assert pulse.alarms == [
            "warning 3 heartbeats in a row were not heard: answered 500"
        ]
        listener.answer = OK
        await listener.hears(10)
        assert pulse.alarms[1:] == [
            "info the watchdog elsewhere hears the heartbeat again"
        ]
    printed = capfd.readouterr()
    assert "canary" not in printed.out + printed.err


async def test_no_library_logs_the_url(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("httpx").disabled = False
    caplog.set_level(logging.DEBUG)
    async with beating(OK) as (listener, _):
        await listener.hears(2)
    assert "canary" not in caplog.text


async def test_a_watchdog_that_never_answers_holds_up_nothing(quiet_log: None) -> None:
    async with beating(hang) as (listener, pulse):
        with trio.fail_after(60):
            await listener.hears(2)
    assert pulse.heart.sent == 0
