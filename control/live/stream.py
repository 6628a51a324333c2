"""The WebSocket: one reader and one writer for each client, and neither can wait long.

The reader always runs, so that pings and closes are seen; a command runs beside it.
The writer sends what the hub has for this client, joined into one frame, and a
heartbeat every five seconds. Whichever of them ends takes the other with it.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import trio
from starlette.websockets import WebSocket, WebSocketDisconnect

from actors.domain.messages import CommandAnswer
from actors.domain.views import EngineView
from control import wire
from control.answers import Answers
from control.commands import Commander
from control.door.auth import Principal
from control.door.gate import Gate
from control.door.transport import current_transport
from control.errors import Refused
from control.live.hub import Client, Hub

SIGN_IN_SECONDS = 10.0
HEARTBEAT_SECONDS = 5.0
COMMANDS_AT_ONCE_MAX = 8

SIGN_IN = 4401
FORBIDDEN = 4403
TOO_SLOW = 4408
TOO_MANY = 4429
TOO_LONG = 1009
RESTART = 1012


class Closed(Exception):
    """This side ends the connection with a close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Stream:
    """The endpoint of /ws."""

    def __init__(
        self,
        hub: Hub,
        engine: EngineView,
        gate: Gate,
        commander: Commander,
        answers: Answers,
    ) -> None:
        self.hub = hub
        self.engine = engine
        self.gate = gate
        self.commander = commander
        self.answers = answers

    async def endpoint(self, socket: WebSocket) -> None:
        """Sign a client in, serve it, and close with the contract's code."""
        try:
            await self._attend(socket)
        except WebSocketDisconnect:
            return
        except Closed as closed:
            # A close frame is a send like any other: it must not wait for ever.
            with trio.move_on_after(HEARTBEAT_SECONDS):
                await socket.close(closed.code, closed.reason)

    async def _attend(self, socket: WebSocket) -> None:
        await socket.accept()
        principal = await self._sign_in(socket)
        with trio.CancelScope() as scope:
            client = self.hub.join(_aborter(scope))
            if client is None:
                raise Closed(TOO_MANY, "there are too many clients; try again later")
            try:
                await Conversation(self, socket, principal, client).hold()
            finally:
                self.hub.leave(client)

    async def _sign_in(self, socket: WebSocket) -> Principal:
        """Take the handshake's token, or wait for a browser's ticket."""
        try:
            if "authorization" in socket.headers:
                return self.gate.identify(socket)
            with trio.fail_after(SIGN_IN_SECONDS):
                said = wire.said(await socket.receive_text())
        except Refused as refused:
            raise Closed(SIGN_IN, refused.message) from refused
        except trio.TooSlowError as error:
            raise Closed(SIGN_IN, f"no sign-in within {SIGN_IN_SECONDS} s") from error
        except (msgspec.MsgspecError, KeyError) as error:
            raise Closed(SIGN_IN, "sign in first") from error
        if not isinstance(said, wire.Authenticate):
            raise Closed(SIGN_IN, "sign in first")
        cookie = socket.cookies.get(self.gate.cookie)
        found = self.gate.sessions.open_socket(said.ticket, cookie)
        try:
            return self.gate.proven(socket, found)
        except Refused as refused:
            raise Closed(SIGN_IN, refused.message) from refused


def _aborter(scope: trio.CancelScope) -> Callable[[], None]:
    """Return what ends a connection that no close frame can reach."""
    transport = current_transport.get()

    def abort() -> None:
        scope.cancel()
        if transport is not None:
            transport.abort()

    return abort


class Conversation:
    """One client's hour: what it says, and what it is told."""

    def __init__(
        self, stream: Stream, socket: WebSocket, principal: Principal, client: Client
    ) -> None:
        self._stream = stream
        self._socket = socket
        self._principal = principal
        self._client = client
        self._ending: Closed | None = None
        self._commands = 0

    async def hold(self) -> None:
        """Talk until one side ends it; raises Closed when this side does."""
        self._tell("HELLO", self._hello())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._until_closed, nursery, self._write)
            await self._until_closed(nursery, self._read, nursery)
        if self._ending is not None:
            raise self._ending

    async def _until_closed(
        self, nursery: trio.Nursery, task: Callable[..., Any], *arguments: Any
    ) -> None:
        """Run one of the two tasks; its end ends the conversation."""
        try:
            await task(*arguments)
        except Closed as closed:
            self._ending = closed
        except WebSocketDisconnect:
            pass
        nursery.cancel_scope.cancel()

    # --- writing -----------------------------------------------------------------

    async def _write(self) -> None:
        beat = trio.current_time() + HEARTBEAT_SECONDS
        while True:
            envelopes = self._stream.hub.take(self._client)
            if trio.current_time() >= beat:
                self._check_sign_in()
                envelopes.append(self._heartbeat())
                beat = trio.current_time() + HEARTBEAT_SECONDS
            if envelopes:
                await self._send(wire.frame(envelopes))
            if self._stream.hub.is_closing:
                raise Closed(RESTART, "the engine stops")
            if self._client.is_too_slow():
                raise Closed(TOO_SLOW, "this client reads too slowly")
            with trio.move_on_at(beat):
                await self._client.wake.wait()

    async def _send(self, frame: str) -> None:
        self._client.sending_since = trio.current_time()
        await self._socket.send_text(frame)
        self._client.sending_since = None

    def _check_sign_in(self) -> None:
        if not self._stream.gate.sessions.stands(self._principal):
            raise Closed(SIGN_IN, "the session ended or its token was revoked")

    def _heartbeat(self) -> bytes:
        return self._envelope(
            "HEARTBEAT", {"state": self._stream.engine.status().state}
        )

    def _hello(self) -> dict[str, Any]:
        return {
            "id": self._principal.id,
            "role": self._principal.role,
            "state": self._stream.engine.status().state,
            "topics": sorted(wire.EVENT_TOPICS | wire.POLLED_TOPICS),
            "heartbeatSeconds": HEARTBEAT_SECONDS,
        }

    def _envelope(self, kind: str, body: Any) -> bytes:
        now = self._stream.answers.now_ms()
        return wire.encode(wire.Envelope(0, now, kind, "", body))

    def _tell(self, kind: str, body: Any) -> None:
        self._client.answer(self._envelope(kind, body))

    # --- reading -----------------------------------------------------------------

    async def _read(self, nursery: trio.Nursery) -> None:
        while True:
            text = await self._receive()
            try:
                self._obey(text, nursery)
            except Refused as refused:
                self._tell("ERROR", _code(refused))

    async def _receive(self) -> str:
        try:
            text = await self._socket.receive_text()
        except KeyError as error:
            raise Closed(1003, "frames must be text") from error
        if len(text) > wire.MESSAGE_BYTES_MAX:
            raise Closed(TOO_LONG, f"a message has {wire.MESSAGE_BYTES_MAX} bytes")
        return text

    def _obey(self, text: str, nursery: trio.Nursery) -> None:
        try:
            said = wire.said(text)
        except msgspec.MsgspecError as error:
            self._stream.gate.pace(self._principal)
            raise Refused(400, f"this message is not understood: {error}") from error
        match said:
            case wire.CommandSaid():
                self._command(said, nursery)  # paced by its name
            case wire.Subscribe():
                self._stream.gate.pace(self._principal)
                self._subscribe(said)
            case wire.Unsubscribe():
                self._stream.gate.pace(self._principal)
                for topic in said.topics[: wire.TOPICS_MAX]:
                    self._stream.hub.unsubscribe(self._client, topic)
            case wire.Ping():
                self._stream.gate.pace(self._principal)
                self._tell("PONG", {"id": said.id})
            case wire.Authenticate():
                raise Refused(400, "this connection is signed in already")

    def _subscribe(self, said: wire.Subscribe) -> None:
        held = self._client.topics() | set(said.topics)
        if len(held) > wire.TOPICS_MAX:
            msg = f"{len(held)} topics are too many: the limit is {wire.TOPICS_MAX}"
            raise Refused(400, msg)
        unknown = [
            topic
            for topic in dict.fromkeys(said.topics)
            if not self._stream.hub.subscribe(
                self._client, topic, said.after.get(topic)
            )
        ]
        if unknown:
            known = ", ".join(sorted(wire.EVENT_TOPICS | wire.POLLED_TOPICS))
            msg = f"topics {unknown} are unknown; allowed: {known}, symbol:SYMBOL"
            raise Refused(400, msg)

    def _command(self, said: wire.CommandSaid, nursery: trio.Nursery) -> None:
        if self._commands >= COMMANDS_AT_ONCE_MAX:
            busy = f"{COMMANDS_AT_ONCE_MAX} commands of this client are not done yet"
            self._tell("COMMAND", {"id": said.id, **_code(Refused(503, busy))})
            return
        self._commands += 1
        nursery.start_soon(self._perform, said)

    async def _perform(self, said: wire.CommandSaid) -> None:
        try:
            answer = await self._stream.commander.perform(
                said.command, said.args, self._principal
            )
            body = _outcome(answer)
        except Refused as refused:
            body = _code(refused)
        except Exception as error:  # noqa: BLE001 - the connection guard: one command's fault must not end the stream
            where = f"/ws command {said.command}"
            body = _code(self._stream.answers.incident(error, where))
        finally:
            self._commands -= 1
        self._tell("COMMAND", {"id": said.id, **body})


def _code(refused: Refused) -> dict[str, Any]:
    return {"ok": False, "code": refused.status, "message": refused.message}


def _outcome(answer: CommandAnswer) -> dict[str, Any]:
    return {"ok": answer.ok, "code": answer.code, "message": answer.message}
