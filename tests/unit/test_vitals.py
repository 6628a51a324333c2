"""Alive or well: what a restart may cure, and what only a person can."""

import os

import pytest
import trio
from trio.testing import MockClock

from actors.domain.phases import Phase
from config.errors import SettingsError
from config.secrets import Secret
from control.vitals.health import Physician
from control.vitals.heartbeat import target_of
from control.vitals.systemd import watchdog_seconds
from tests.engines import TestClock
from tests.well import WellEngine


def well(*phases: Phase) -> WellEngine:
    engine = WellEngine(TestClock())
    engine.walk(*phases)
    return engine


RUNNING = (Phase.INITIALIZING, Phase.SCANNING)


async def test_a_working_engine_is_well(autojump_clock: MockClock) -> None:
    health = Physician(well(*RUNNING), 30).look()
    assert health.alive
    assert health.well
    assert str(health) == "well"


async def test_a_fallen_tree_is_not_alive(autojump_clock: MockClock) -> None:
    engine = well()
    engine.is_live = False
    health = Physician(engine, 30).look()
    assert not health.alive
    assert not health.well
    assert str(health) == "the tree of actors does not run"


async def test_a_risk_actor_that_works_on_a_long_queue_is_alive(
    autojump_clock: MockClock,
) -> None:
    engine = well(*RUNNING)
    physician = Physician(engine, 30)
    for messages in range(10):
        engine.work(depth=5, messages=messages)
        assert physician.look().well
        await trio.sleep(20)


async def test_a_risk_actor_that_does_nothing_of_its_queue_is_not(
    autojump_clock: MockClock,
) -> None:
    engine = well(*RUNNING)
    physician = Physician(engine, 30)
    engine.work(depth=5, messages=9)
    assert physician.look().alive
    await trio.sleep(29)
    assert physician.look().alive
    await trio.sleep(2)
    assert (
        str(physician.look()) == "the risk actor has 5 messages and none done in 31 s"
    )
    engine.work(depth=5, messages=10)
    assert physician.look().alive


async def test_a_first_message_after_a_long_rest_is_no_standstill(
    autojump_clock: MockClock,
) -> None:
    engine = well(*RUNNING)
    physician = Physician(engine, 30)
    engine.work(depth=0, messages=9)
    physician.look()
    await trio.sleep(600)
    engine.work(depth=1, messages=9)
    assert physician.look().well


@pytest.mark.parametrize(
    ("light", "alive", "well_now"),
    [
        ("feed", True, False),
        ("exchange", True, False),
        ("loop_lag", True, False),
        ("journal", False, False),
        ("memory", True, True),
    ],
)
async def test_a_bad_light_means_what_a_restart_would_change(
    autojump_clock: MockClock, light: str, alive: object, well_now: object
) -> None:
    engine = well(*RUNNING)
    engine.lamps[light] = "bad"
    health = Physician(engine, 30).look()
    assert (health.alive, health.well) == (alive, well_now)


async def test_an_engine_that_rests_needs_no_feed(autojump_clock: MockClock) -> None:
    engine = well()
    engine.lamps |= {"feed": "bad", "exchange": "bad"}
    assert Physician(engine, 30).look().well


@pytest.mark.parametrize(
    "url",
    [
        "https://watch.example/x",
        "http://127.0.0.1:1/x",
        "http://[::1]/",
        "http://localhost/",
    ],
)
def test_the_heartbeat_goes_to_https_or_to_loopback(url: str) -> None:
    assert str(target_of(Secret(url))) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://watch.example/canary",
        "ftp://127.0.0.1/canary",
        "canary",
        "https:///canary",
    ],
)
def test_no_other_heartbeat_is_taken_and_none_is_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="heartbeat url") as refused:
        target_of(Secret(url))
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_s_period_is_systemd_s(
    given: dict[str, str], seconds: float | None
) -> None:
    assert watchdog_seconds(given) == seconds
