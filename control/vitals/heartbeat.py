"""A sign of life to a watchdog elsewhere: a process cannot report its own death.

The url is pinged as long as the engine is well. When it is not, the url with the
suffix for failures is asked instead, or none: either way somebody is alarmed by a
machine that is not this one. Redirects are not followed, and of an answer only the
status is read: a url that is taken over must not become a way in.
"""

import logging
from collections.abc import Callable

import httpx
import structlog
import trio

from actors.domain.severity import Severity
from config.errors import SettingsError
from config.outside import HeartbeatGroup
from config.secrets import Secret
from control.alarm import Alarm
from control.door.server import is_loopback
from control.vitals.health import Health

SECOND_LOOK_SECONDS = 6.0
FAILURES_TOLD = 3  # in a row; one lost ping is the network's, not ours

log = structlog.get_logger(component="heartbeat")


def target_of(url: Secret) -> httpx.URL:
    """Read the url; raises SettingsError unless it is https, or http on loopback."""
    try:
        target = httpx.URL(url.reveal())
    except httpx.InvalidURL:
        # Not chained: its text holds the url.
        msg = "the heartbeat url cannot be read; write https://host/path"
        raise SettingsError(msg) from None
    secure = target.scheme == "https" and target.host
    if not secure and not (target.scheme == "http" and is_loopback(target.host)):
        msg = (
            f"the heartbeat url has the scheme {target.scheme!r} and host "
            f"{target.host!r}; it must be https, or http on loopback"
        )
        raise SettingsError(msg)
    return target


class Heartbeat:
    """Pings for ever; `run` is its one task and may be run again."""

    def __init__(
        self,
        url: Secret,
        settings: HeartbeatGroup,
        look: Callable[[], Health],
        alarm: Alarm,
    ) -> None:
        self._target = target_of(url)
        self._settings = settings
        self._look = look
        self._alarm = alarm
        self._failures = 0
        self.sent = 0

    async def run(self) -> None:
        """Ping at once, then every period."""
        # They log each request with its url, which is a secret.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).disabled = True
        async with httpx.AsyncClient(
            follow_redirects=False,
            timeout=self._settings.answer_seconds_max,
            limits=httpx.Limits(max_connections=1),
            headers={"user-agent": "breakout-engine"},
        ) as client:
            while True:
                began = trio.current_time()
                await self._beat(client)
                await trio.sleep_until(began + self._settings.period_seconds)

    async def _beat(self, client: httpx.AsyncClient) -> None:
        health = self._look()
        if not health.well:
            # A moment's lag is no illness; the machine is measured every 5 s.
            await trio.sleep(SECOND_LOOK_SECONDS)
            health = self._look()
        target = self._target
        if not health.well:
            log.warning("unwell", reasons=str(health))
            if not self._settings.fail_suffix:
                return  # staying away is what alarms
            path = target.path.rstrip("/") + self._settings.fail_suffix
            target = target.copy_with(path=path)
        problem = await self._ask(client, target)
        if problem:
            self._failed(problem)
            return
        self.sent += 1
        if self._failures >= FAILURES_TOLD:
            text = "the watchdog elsewhere hears the heartbeat again"
            self._alarm(text, Severity.INFO, "none needed")
        self._failures = 0

    async def _ask(self, client: httpx.AsyncClient, target: httpx.URL) -> str:
        """Ask once; returns what went wrong, never with the url in it."""
        # The client's time-outs are for each read: a trickle of headers never ends.
        with trio.move_on_after(self._settings.answer_seconds_max):
            try:
                # The body is never read: the status says all.
                async with client.stream("GET", target) as answer:
                    if answer.is_success:
                        return ""
                    return f"answered {answer.status_code}"
            except httpx.HTTPError as fault:
                return type(fault).__name__
        return f"no answer in {self._settings.answer_seconds_max:g} s"

    def _failed(self, problem: str) -> None:
        self._failures += 1
        log.warning("heartbeat_failed", problem=problem, in_a_row=self._failures)
        if self._failures == FAILURES_TOLD:
            text = f"{FAILURES_TOLD} heartbeats in a row were not heard: {problem}"
            self._alarm(text, Severity.WARNING, "tried again; trading goes on")
