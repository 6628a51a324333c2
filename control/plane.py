"""The control plane as children of the engine's tree: the hub and the guarded server.

It is a group of its own with its own budget: whatever happens to it, the engine
trades on.
"""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import structlog
import trio

from actors.domain.messages import Role
from actors.domain.views import EngineView, HistoryView
from actors.runtime import Budget, SupervisorSpec
from actors.runtime.clock import WallClock
from actors.service import service
from config.secrets import find_secret
from config.settings import ControlGroup, Settings
from control.answers import Answers
from control.app import build_app
from control.door.auth import TOKEN_VARIABLE
from control.door.fence import fenced
from control.door.gate import Gate, GateSettings
from control.door.keys import Keys
from control.door.server import ServerLimits, Serving, is_loopback, serve
from control.door.token_file import keep_used, open_tokens
from control.door.whereabouts import whereabouts
from control.errors import ControlError, UnsafeBind
from control.live.hub import Hub
from control.routes.route import House

log = structlog.get_logger(component="control")


FAREWELL_SECONDS = 0.5


class ControlPlane:
    """Owns the hub, the gate and the server of one engine."""

    def __init__(
        self,
        engine: EngineView,
        history: HistoryView,
        settings: Settings,
        data_dir: Path | None,
    ) -> None:
        clock = WallClock()
        if settings.control.metrics_open and not is_loopback(settings.control.host):
            msg = (
                f"control.metrics_open is true and {settings.control.host!r} can be "
                "reached from outside; let the scraper use a viewer's token"
            )
            raise UnsafeBind(msg)
        self._settings = settings.control
        self._supervision = settings.supervision
        self.hub = Hub(engine, clock)
        self._token_file = data_dir and data_dir / "tokens.json"
        self.tokens, self.made_token = open_tokens(_given(os.environ), self._token_file)
        self._gate = Gate(
            self.tokens,
            gate_settings(settings.control),
            trio.current_time,
        )
        self._house = House(
            engine=engine,
            history=history,
            gate=self._gate,
            answers=Answers(clock),
            keys=Keys(self.tokens, self._token_file),
        )
        self.serving: Serving | None = None
        self.refused: ControlError | None = None  # why it never came up
        self._tried = trio.Event()

    def group(self) -> SupervisorSpec:
        """Specify the control plane's own group of children."""
        limits = self._supervision
        children = [service("hub", self.hub.run), service("server", self._serve)]
        if self._token_file is not None:
            keep = partial(keep_used, self.tokens, self._token_file)
            children.append(service("tokens", keep))
        return SupervisorSpec(
            "control",
            tuple(children),
            group_budget=Budget(
                limits.control_restarts_max, limits.control_period_seconds
            ),
        )

    def sign_in_link(self) -> str | None:
        """Make a one-use link for a person; None: no admin's token stands.

        What it opens is in the fragment.
        """
        assert self.serving is not None, "a link needs a bound server"
        now_ms = self.tokens.now_ms()
        for record in self.tokens.records():
            if record.role is Role.ADMIN and record.stands(now_ms):
                ticket = self._gate.sessions.link(record.id)
                return f"{self.address}/#ticket={ticket}"
        return None

    async def farewell(self) -> None:
        """Send every client away in order, for half a second at the most."""
        self.hub.dismiss()
        with trio.move_on_after(FAREWELL_SECONDS):
            await self.hub.emptied.wait()

    @property
    def address(self) -> str:
        """Where to watch."""
        assert self.serving is not None, "an address needs a bound server"
        return whereabouts(self._settings).address(self.serving.port)

    async def up(self) -> None:
        """Wait until the server listens; raises what refuses the address or port."""
        await self._tried.wait()
        if self.refused is not None:
            raise self.refused

    async def _serve(self) -> None:
        """Serve; that the very first try is refused is for who started us to hear."""
        try:
            await self._listen()
        except* ControlError as group:
            if self._tried.is_set():
                raise
            (refused,) = group.exceptions
            assert isinstance(refused, ControlError), "one server refuses once"
            self.refused = refused
            self._tried.set()

    async def _listen(self) -> None:
        app = build_app(self._house, self.hub)
        settings = self._settings
        here = whereabouts(settings)
        door = fenced(
            app, hosts=here.names, origins=here.origins, tls=here.tls is not None
        )
        async with trio.open_nursery() as nursery:
            self.serving = await nursery.start(
                lambda task_status: serve(
                    door,
                    host=settings.host,
                    port=settings.port,
                    on_fault=_fault,
                    tls=here.tls,
                    public_ok=settings.insecure_public,
                    limits=server_limits(settings),
                    task_status=task_status,
                )
            )
            self._tried.set()


def gate_settings(settings: ControlGroup) -> GateSettings:
    """Take the gate's settings; a page that opens asks for much at once."""
    here = whereabouts(settings)
    return GateSettings(
        origins=here.origins,
        metrics_open=settings.metrics_open,
        secure=here.tls is not None,
        requests_per_second=settings.rate_per_second,
        requests_burst=max(20.0, 2 * settings.rate_per_second),
        address_per_second=settings.address_rate_per_second,
        address_burst=max(100.0, 4 * settings.address_rate_per_second),
    )


def _given(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Take the token from systemd's credentials where the environment has none."""
    if TOKEN_VARIABLE in environment:
        return environment
    token = find_secret("token", environment)
    return environment if token is None else {TOKEN_VARIABLE: token.reveal()}


def server_limits(settings: ControlGroup) -> ServerLimits:
    """Take the server's limits from the settings."""
    return ServerLimits(
        connections_max=settings.connections_max,
        connections_per_address_max=settings.per_address_max,
        stall_seconds_max=settings.stall_seconds_max,
        read_timeout_seconds=settings.read_timeout_seconds,
        ping_seconds=settings.ping_seconds,
        message_bytes_max=settings.message_bytes_max,
    )


def _fault(fault: Exception, peer: str) -> None:
    log.warning("connection_dropped", peer=peer, fault=type(fault).__name__)
