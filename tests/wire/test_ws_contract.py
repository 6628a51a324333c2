"""The WebSocket contract, spoken by a real client over a real socket."""

from typing import Any

import msgspec
import pytest
import trio
import trio_websocket as ws

from actors.domain.messages import Role
from actors.domain.phases import Phase
from control.away.client import connect
from control.away.dial import dial as open_socket
from control.away.dial import socket_url
from control.away.mirror import Mirror
from control.door.gate import GateSettings
from control.errors import SignInRefused, Unreachable
from control.live import stream
from tests.engines import order, position
from tests.planes import SECRETS
from tests.wire.planes import ServedPlane, served

START = {"preset": "breakout_v1"}


class Speaker:
    """A bare client that says anything and reads frames one envelope at a time."""

    def __init__(self, socket: ws.WebSocketConnection) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []

    async def say(self, **message: Any) -> None:
        await self.socket.send_message(msgspec.json.encode(message).decode())

    async def hear(self, kind: str) -> dict[str, Any]:
        """Return the next envelope of a kind, passing over heartbeats only."""
        with trio.fail_after(60):
            while True:
                while not self.heard:
                    frame = msgspec.json.decode(await self.socket.get_message())
                    assert isinstance(frame, list)
                    self.heard += frame
                envelope = self.heard.pop(0)
                if envelope["type"] == kind:
                    return envelope
                assert envelope["type"] == "HEARTBEAT", envelope

    async def closed(self) -> int:
        with trio.fail_after(60):
            while True:
                try:
                    await self.socket.get_message()
                except ws.ConnectionClosed as closed:
                    return closed.reason.code


def dial(plane: ServedPlane, role: Role | None = Role.ADMIN, **headers: str) -> Any:
    given = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    if role is not None:
        given.append((b"authorization", f"Bearer {SECRETS[role]}".encode()))
    return open_socket(socket_url(plane.url), given)


async def test_hello_subscribe_snapshot_delta_command_and_pong() -> None:
    async with served() as plane, dial(plane) as socket:
        speaker = Speaker(socket)
        hello = await speaker.hear("HELLO")
        assert set(hello) == {"v", "seq", "ts", "type", "topic", "data"}
        assert (hello["v"], hello["seq"], hello["data"]["role"]) == (1, 0, "admin")
        await speaker.say(type="subscribe", topics=["transitions"])
        snapshot = await speaker.hear("SNAPSHOT")
        assert snapshot["data"] == {"items": []}
        await speaker.say(type="command", id="a", command="start", args=START)
        answer = await speaker.hear("COMMAND")
        assert answer["data"] == {
            "id": "a",
            "ok": True,
            "code": 200,
            "message": "start done",
        }
        steps = [await speaker.hear("TRANSITION") for _ in range(2)]
        first = snapshot["seq"]
        assert [step["seq"] for step in steps] == [first + 1, first + 2]
        assert steps[0]["data"] == {
            "from": "IDLE",
            "to": "INITIALIZING",
            "reason": "test",
            "symbol": None,
            "metadata": {"a": "b"},
        }
        await speaker.say(type="ping", id=7)
        assert (await speaker.hear("PONG"))["data"] == {"id": 7}


async def test_state_topics_send_what_changed_and_only_while_watched() -> None:
    async with served() as plane, dial(plane) as socket:
        speaker = Speaker(socket)
        await speaker.hear("HELLO")
        await speaker.say(type="subscribe", topics=["symbols", "symbol:ETH/USDT"])
        whole = await speaker.hear("SNAPSHOT")
        assert [row["symbol"] for row in whole["data"]["items"]] == [
            "BTC/USDT",
            "ETH/USDT",
        ]
        one = await speaker.hear("SNAPSHOT")
        assert one["data"]["state"]["lastPrice"] == 100.0
        plane.engine.move("BTC/USDT", 123.5)
        delta = await speaker.hear("SYMBOL")
        assert delta["topic"] == "symbols"
        assert (delta["data"]["symbol"], delta["data"]["lastPrice"]) == (
            "BTC/USDT",
            123.5,
        )
        assert delta["seq"] > whole["seq"]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("no json", "not understood"),
        ('{"type":"fly"}', "fly"),
        ('{"type":"subscribe","topics":["moon"]}', "moon"),
        ('{"type":"subscribe","topics":["transitions"],"x":1}', "x"),
        ('{"type":"subscribe","topics":["symbol:NO/SUCH"]}', "NO/SUCH"),
        ('{"type":"auth","ticket":"again"}', "signed in"),
    ],
)
async def test_what_is_not_understood_is_answered_and_the_talk_goes_on(
    message: str, words: str
) -> None:
    async with served() as plane, dial(plane) as socket:
        speaker = Speaker(socket)
        await speaker.hear("HELLO")
        await socket.send_message(message)
        error = await speaker.hear("ERROR")
        assert words in error["data"]["message"]
        await speaker.say(type="ping")
        await speaker.hear("PONG")


async def test_commands_obey_the_same_rules_as_over_http() -> None:
    async with served() as plane, dial(plane, Role.VIEWER) as viewing:
        speaker = Speaker(viewing)
        await speaker.hear("HELLO")
        await speaker.say(type="command", id="v", command="stop")
        assert (await speaker.hear("COMMAND"))["data"]["code"] == 403
        async with connect(plane.url, SECRETS[Role.OPERATOR]) as client:
            assert (await client.command("fly")).code == 400
            assert (await client.command("stop")).code == 400
            assert (await client.command("start", preset="x")).code == 400
            assert (await client.command("start", **START, mode="live")).code == 403
            assert (await client.command("start", **START)).ok
            plane.engine.fault = RuntimeError("the secret detail")
            fault = await client.command("stop")
            assert fault.code == 500
            assert "secret" not in fault.message


@pytest.mark.parametrize("secret", ["wrong-token-of-nobody", "ключ-не-отсюда"])
async def test_a_wrong_token_is_closed_with_4401(secret: str) -> None:
    async with served() as plane:
        header = f"Bearer {secret}"
        async with dial(plane, None, authorization=header) as socket:
            assert await Speaker(socket).closed() == 4401
        with pytest.raises(SignInRefused):
            async with connect(plane.url, secret):
                pass


async def test_no_engine_is_unreachable() -> None:
    async with served() as plane:
        await plane.serving.close()
        with pytest.raises(Unreachable):
            async with connect(plane.url, "some-token-or-other"):
                pass


async def test_a_first_message_that_is_no_ticket_is_closed_with_4401() -> None:
    async with served() as plane, dial(plane, None) as socket:
        await socket.send_message('{"type":"ping"}')
        assert await Speaker(socket).closed() == 4401


async def test_no_sign_in_before_the_deadline_is_closed_with_4401(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "SIGN_IN_SECONDS", 0.1)
    async with served() as plane, dial(plane, None) as socket:
        assert await Speaker(socket).closed() == 4401


async def test_a_client_resynced_too_often_is_closed_with_4408() -> None:
    async with served() as plane, dial(plane) as socket:
        speaker = Speaker(socket)
        await speaker.hear("HELLO")
        (client,) = plane.hub._clients
        client.resynced.extend([trio.current_time()] * 3)
        await speaker.say(type="ping")
        assert await speaker.closed() == 4408


async def test_messages_beyond_the_rate_are_answered_with_429() -> None:
    slow = GateSettings(requests_per_second=1.0, requests_burst=2.0)
    plane = ServedPlane(now=trio.current_time, settings=slow)
    async with served(plane), dial(plane) as socket:
        speaker = Speaker(socket)
        await speaker.hear("HELLO")
        for _ in range(3):
            await speaker.say(type="ping")
        await speaker.hear("PONG")
        await speaker.hear("PONG")
        assert (await speaker.hear("ERROR"))["data"]["code"] == 429
        await speaker.say(type="command", id="k", command="kill_switch")
        assert (await speaker.hear("COMMAND"))["data"]["ok"] is True
        await speaker.say(type="subscribe", topics=["signals"])
        assert (await speaker.hear("SNAPSHOT"))["topic"] == "signals"
        for _ in range(2):
            await speaker.say(type="command", id="u", command="unheard_of")
        told = [(await speaker.hear("COMMAND"))["data"]["code"] for _ in range(2)]
        assert told == [429, 429], "what nobody knows is paced too"


async def test_a_revoked_token_is_closed_with_4401_at_the_next_heartbeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.2)
    async with served() as plane, dial(plane, Role.VIEWER) as socket:
        await Speaker(socket).hear("HELLO")
        plane.tokens.revoke("viewer")
        assert await Speaker(socket).closed() == 4401


async def test_a_revoked_token_commands_nothing_more() -> None:
    async with served() as plane, dial(plane, Role.OPERATOR) as socket:
        speaker = Speaker(socket)
        await speaker.hear("HELLO")
        plane.tokens.revoke("operator")
        await speaker.say(type="command", id="a", command="start", args=START)
        assert await speaker.closed() == 4401
        assert plane.engine.performed == []


async def test_the_thirty_third_client_is_closed_with_4429() -> None:
    async with served() as plane:
        joined = [plane.hub.join(lambda: None) for _ in range(32)]
        assert None not in joined
        async with dial(plane) as socket:
            assert await Speaker(socket).closed() == 4429


async def test_a_stopping_engine_closes_with_1012() -> None:
    async with served() as plane, dial(plane) as socket:
        await Speaker(socket).hear("HELLO")
        plane.hub.dismiss()
        assert await Speaker(socket).closed() == 1012


async def test_a_browser_comes_in_with_cookie_ticket_and_origin() -> None:
    async with served() as plane:
        own = {"origin": plane.url, "x_breakout": "1"}
        link = {"ticket": plane.gate.sessions.link("admin")}
        entered = await plane.post("/api/session", link, None, **own, host=plane.host)
        cookie = entered.headers["set-cookie"].partition(";")[0]
        path = "/api/session/ticket"
        asked = await plane.post(
            path, None, None, **own, cookie=cookie, host=plane.host
        )
        async with dial(plane, None, cookie=cookie, origin=plane.url) as socket:
            speaker = Speaker(socket)
            await speaker.say(type="auth", ticket=asked.json["ticket"])
            assert (await speaker.hear("HELLO"))["data"]["role"] == "admin"
        async with dial(plane, None, cookie=cookie, origin=plane.url) as socket:
            again = Speaker(socket)
            await again.say(type="auth", ticket=asked.json["ticket"])
            assert await again.closed() == 4401


async def test_a_foreign_origin_is_refused_before_accept() -> None:
    async with served() as plane:
        with pytest.raises(ws.ConnectionRejected) as caught:
            async with dial(plane, origin="https://evil.example"):
                pass
        assert caught.value.status_code == 403


async def test_a_message_over_64_kib_is_closed_with_1009() -> None:
    async with served() as plane, dial(plane) as socket:
        await socket.send_message(" " * 70_000)
        assert await Speaker(socket).closed() == 1009


async def test_the_client_follows_everything_into_its_mirror() -> None:
    async with served() as plane, connect(plane.url, SECRETS[Role.ADMIN]) as client:
        mirror = Mirror()
        await client.subscribe("engine", "positions", "orders", "transitions", "alerts")
        await client.command("start", **START)
        plane.engine.hold(position(1))
        plane.engine.send(order(1))
        plane.engine.send(order(1, "filled"))
        plane.engine.alarm("last")
        with trio.fail_after(60):
            async for envelope in client.events():
                mirror.apply(envelope)
                if mirror.alerts and mirror.engine["state"] == Phase.SCANNING:
                    break
        assert mirror.gaps == 0
        assert list(mirror.open_positions()) == ["p-1"]
        assert mirror.orders["i-1"]["status"] == "filled"
        assert [step["to"] for step in mirror.transitions] == [
            "INITIALIZING",
            "SCANNING",
        ]
