"""What runs beside the engine can fall for good, and the engine stands."""

from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.domain.errors import JournalError
from actors.domain.messages import Alert, Published
from actors.runtime import ChildState, CrashReport, SupervisorSpec, run_supervisor
from actors.service import service
from config.errors import SecretError, SettingsError
from config.outside import NoticesGroup
from config.settings import Settings
from control.outside import BUDGET, FanOut, Outside
from tests.engines import TestClock
from tests.well import WellEngine

FACT = Published("alerts", "ALERT", 0, {})


class Ear:
    """Takes facts."""

    def __init__(self, *, watched: bool) -> None:
        self.watched = watched
        self.heard: list[Published] = []

    def publish(self, fact: Published) -> None:
        self.heard.append(fact)


def test_a_fan_out_hands_each_fact_to_each() -> None:
    deaf, keen = Ear(watched=False), Ear(watched=True)
    fan = FanOut(deaf, keen)
    fan.publish(FACT)
    assert deaf.heard == keen.heard == [FACT]
    assert fan.watched
    assert not FanOut(deaf).watched
    assert not FanOut().watched


async def engine_and(group: SupervisorSpec) -> tuple[Any, list[CrashReport]]:
    """Run a group beside an engine for an hour; return the tree and the reports."""
    reports: list[CrashReport] = []
    tree = SupervisorSpec("engine", (service("money", trio.sleep_forever), group))
    async with run_supervisor(tree, random=Random(1), reports=reports.append) as top:
        await trio.sleep(3600)
        seen = top.tree()
    return {node.name: node for node in seen.children}, reports


async def groups_of(
    environment: dict[str, str], settings: Settings | None = None
) -> dict[str, SupervisorSpec]:
    outside = Outside(settings or Settings(), environment)
    engine = WellEngine(TestClock())
    _, groups = outside.attach(engine, lambda _: None, TestClock())
    return {group.name: group for group in groups}


async def test_without_anybody_outside_nothing_runs_beside_the_engine() -> None:
    assert await groups_of({}) == {}


async def test_a_group_that_keeps_failing_ends_alone(
    autojump_clock: MockClock, quiet_log: None
) -> None:
    found = await groups_of({"NOTIFY_SOCKET": "@nobody-of-the-tests"})
    (systemd,) = found["vitals"].children

    async def fails() -> None:
        raise OSError(5, "broken")

    broken = SupervisorSpec(
        "vitals",
        (service(systemd.name, fails),),
        group_budget=BUDGET,
        restart=found["vitals"].restart,
    )
    tree, reports = await engine_and(broken)
    assert tree["money"].state is ChildState.RUNNING
    assert tree["money"].restarts == 0
    assert tree["vitals"].state is ChildState.FAILED
    assert len(reports) <= BUDGET.intensity + 2


async def test_an_engine_that_ends_itself_says_so(quiet_log: None) -> None:
    environment = {"BREAKOUT_NOTICES_URLS": "json://localhost/"}
    settings = Settings(notices=NoticesGroup(schemes="json"))
    outside = Outside(settings, environment)
    outside.attach(WellEngine(TestClock()), lambda _: None, TestClock())
    said: list[str] = []

    async def last_word(text: str) -> None:
        said.append(text)

    async def send_rest() -> None:
        said.append("the rest")

    assert outside._office is not None
    outside._office.last_word = last_word  # type: ignore[method-assign]
    outside._office.send_rest = send_rest  # type: ignore[method-assign]
    with pytest.raises(JournalError):
        async with outside.last_word():
            raise JournalError("the disk is full")  # noqa: EM101, TRY003
    assert said == ["the engine has ended itself: the disk is full"]
    async with outside.last_word():
        pass
    assert said[1:] == ["the rest"]


def test_what_cannot_be_used_is_refused_before_anything_runs(quiet_log: None) -> None:
    async def make(**environment: str) -> None:
        Outside(Settings(), environment)

    with pytest.raises(SettingsError, match="must be https, or http on loopback"):
        trio.run(lambda: make(BREAKOUT_HEARTBEAT_URL="http://elsewhere.example/"))
    with pytest.raises(SecretError, match="BREAKOUT_NOTICES_URLS is empty"):
        trio.run(lambda: make(BREAKOUT_NOTICES_URLS=" "))


async def test_an_alarm_of_the_notices_is_an_alert_of_the_engine(
    autojump_clock: MockClock,
) -> None:
    told: list[Alert] = []
    environment = {"BREAKOUT_NOTICES_URLS": "phone=json://localhost/"}
    settings = Settings(notices=NoticesGroup(schemes="json"))
    outside = Outside(settings, environment)
    outside.attach(WellEngine(TestClock()), told.append, TestClock(7))
    assert outside._office is not None
    outside._office._fails(outside._office._desks[0], 1.0)
    (alert,) = told
    assert (alert.ts_ms, alert.component, alert.severity) == (7, "notices", "warning")
    assert alert.message == "notices to 'phone' are not taken"
