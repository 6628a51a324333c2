"""What speaks to the world outside beside the control plane: notices, signs of life.

Each is a group of its own in the engine's tree that is never started again once its
budget is used up: whatever happens to it, the engine trades on, with an alarm.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

import trio

from actors.domain.errors import EngineError
from actors.domain.messages import Alert, Published
from actors.domain.views import EngineView, Publisher
from actors.runtime import Budget, ChildSpec, Restart, RuntimeFault, SupervisorSpec
from actors.runtime.clock import Clock, WallClock
from actors.service import service
from config.secrets import find_secret
from config.settings import Settings
from control.alarm import alarm_into
from control.notices.channels import Channel, open_channels
from control.notices.office import Office
from control.vitals.health import Physician
from control.vitals.heartbeat import Heartbeat, target_of
from control.vitals.systemd import Attendant, ServiceSocket

BUDGET = Budget(5, 300.0)


class FanOut:
    """A publisher that hands each fact to several."""

    def __init__(self, *publishers: Publisher) -> None:
        self._publishers = publishers

    @property
    def watched(self) -> bool:
        """Whether any of them is."""
        return any(publisher.watched for publisher in self._publishers)

    def publish(self, fact: Published) -> None:
        """Hand the fact to each."""
        for publisher in self._publishers:
            publisher.publish(fact)


class Outside:
    """Made before the engine, so that what cannot be used is refused before it runs."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        notices, heartbeat = settings.notices, settings.heartbeat
        urls = find_secret("notices_urls", environment, notices.urls_file)
        self._channels: tuple[Channel, ...] = open_channels(notices, urls)
        self._url = find_secret("heartbeat_url", environment, heartbeat.url_file)
        if self._url is not None:
            target_of(self._url)
        self._settings = settings
        self._systemd = ServiceSocket(environment)
        self._office: Office | None = None
        self._up = trio.Event()

    def attach(
        self, engine: EngineView, tell: Callable[[Alert], object], clock: Clock
    ) -> tuple[tuple[Publisher, ...], tuple[SupervisorSpec, ...]]:
        """Give what takes the engine's facts, and what runs beside it.

        `tell` takes an alert into the engine; `clock` is its market's.
        """
        groups: list[SupervisorSpec] = []
        if self._channels:
            self._office = Office(
                self._channels,
                self._settings.notices,
                sender=f"breakout {self._settings.engine.engine_id}",
                wall=WallClock(),
                alarm=alarm_into(tell, clock, "notices"),
            )
            groups.append(_group("notices", service("messenger", self._office.run)))
        vitals = [*self._heartbeat(engine, tell, clock), *self._attendant(engine)]
        if vitals:
            groups.append(_group("vitals", *vitals))
        return (() if self._office is None else (self._office,)), tuple(groups)

    def _heartbeat(
        self, engine: EngineView, tell: Callable[[Alert], object], clock: Clock
    ) -> tuple[ChildSpec, ...]:
        if self._url is None:
            return ()
        alarm = alarm_into(tell, clock, "heartbeat")
        look = self._physician(engine).look
        beat = Heartbeat(self._url, self._settings.heartbeat, look, alarm)
        return (service("heartbeat", partial(self._once_up, beat.run)),)

    def _attendant(self, engine: EngineView) -> tuple[ChildSpec, ...]:
        if not self._systemd.is_there:
            return ()
        look = self._physician(engine).look
        attendant = Attendant(self._systemd, look, partial(_said, engine))
        return (service("systemd", partial(self._once_up, attendant.run)),)

    def _physician(self, engine: EngineView) -> Physician:
        return Physician(engine, self._settings.heartbeat.stuck_seconds_max)

    async def _once_up(self, run: Callable[[], Awaitable[None]]) -> None:
        """Show no sign of life of an engine that is still being born."""
        await self._up.wait()
        await run()

    def ready(self) -> None:
        """Say that the engine is up."""
        self._up.set()
        self._systemd.tell("READY=1")

    def stopping(self) -> None:
        """Say that the engine stops in order."""
        self._systemd.tell("STOPPING=1")

    @asynccontextmanager
    async def last_word(self) -> AsyncIterator[None]:
        """Tell people how the block ended, which nothing inside it still can.

        A fault is told at once; of an orderly end what still waited to be told.
        """
        try:
            yield
        except (RuntimeFault, EngineError) as fault:
            if self._office is not None:
                await self._office.last_word(f"the engine has ended itself: {fault}")
            raise
        if self._office is not None:
            await self._office.send_rest()


def _group(name: str, *children: ChildSpec) -> SupervisorSpec:
    return SupervisorSpec(
        name, children, group_budget=BUDGET, restart=Restart.TEMPORARY
    )


def _said(engine: EngineView) -> str:
    seen = engine.status()
    return f"{seen.state}, {seen.open_positions} positions, day {seen.daily_r:+.2f} R"
