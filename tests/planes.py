"""A control plane round a test engine, and a caller that needs no socket."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message

from actors.domain.messages import Role
from config.library import PresetLibrary
from control.answers import Answers
from control.app import build_app
from control.door.auth import Tokens
from control.door.fence import fenced
from control.door.gate import Gate, GateSettings
from control.door.keys import Keys
from control.live.hub import Hub
from control.routes.route import House
from tests.engines import InMemoryEngine, TestClock
from tests.histories import InMemoryHistory

SECRETS = {role: f"{role.value}-token-of-the-tests" for role in Role}
ORIGIN = "http://127.0.0.1"


class Answer(msgspec.Struct):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Plane:
    """Engine, hub, gate and application, as the composition root joins them."""

    def __init__(
        self,
        now: Callable[[], float] = lambda: 0.0,
        settings: GateSettings | None = None,
        symbols: tuple[str, ...] = (),
        data_dir: Path | None = None,
    ) -> None:
        self.clock = TestClock()
        self.engine = InMemoryEngine(self.clock, symbols)
        self.engine.presets = PresetLibrary(data_dir and data_dir / "presets")
        self.hub = Hub(self.engine, self.clock)
        self.engine.publisher = self.hub
        self.tokens = Tokens(now_ms=self.clock.now_ms)
        for role, secret in SECRETS.items():
            self.tokens.add(secret, role, role.value)
        plenty = GateSettings(
            requests_per_second=1e6,
            requests_burst=1e6,
            address_per_second=1e6,
            address_burst=1e6,
        )
        self.gate = Gate(self.tokens, settings or plenty, now)
        self.history = InMemoryHistory()
        self.house = House(
            engine=self.engine,
            history=self.history,
            gate=self.gate,
            answers=Answers(self.clock),
            keys=Keys(self.tokens, None),
        )
        self.inner = build_app(self.house, self.hub)
        self.app: ASGIApp = fenced(
            self.inner, hosts={"127.0.0.1"}, origins={ORIGIN}, tls=False
        )

    async def get(self, path: str, role: Role | None = Role.ADMIN) -> Answer:
        return await self.call("GET", path, role=role)

    async def post(
        self, path: str, body: Any = None, role: Role | None = Role.ADMIN, **more: str
    ) -> Answer:
        return await self.call("POST", path, body, role=role, headers=more)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Speak ASGI to the application; `_` in a header's name stands for `-`."""
        raw = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            raw = msgspec.json.encode(body)
        given = {"host": "127.0.0.1"}
        if raw:
            given |= {"content-type": "application/json"}
            given |= {"content-length": str(len(raw))}
        if role is not None:
            given["authorization"] = f"Bearer {SECRETS[role]}"
        given |= {k.replace("_", "-"): v for k, v in (headers or {}).items()}
        return await request(self.app, method, path, raw, given)


async def request(
    app: ASGIApp, method: str, path: str, raw: bytes, headers: dict[str, str]
) -> Answer:
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers.items()],
        "client": ("192.0.2.7", 40000),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = sent[0]
    found = {k.decode().lower(): v.decode("latin-1") for k, v in start["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(start["status"], found, body)
