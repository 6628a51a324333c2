"""One client's conversation: a reader, a writer, and commands beside them.

The reader always runs, so that pings and closes are seen; a command runs beside it.
The writer sends what the hub has for this client, joined into one frame, and a
heartbeat every five seconds. Whichever of them ends takes the other with it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import trio
from starlette.websockets import WebSocket, WebSocketDisconnect

from actors.domain.messages import CommandAnswer
from control import wire
from control.door.auth import Principal
from control.errors import Closed, Refused
from control.live.client import Client
from control.wire import live

if TYPE_CHECKING:
    from control.live.stream import Stream

HEARTBEAT_SECONDS = 5.0
COMMANDS_AT_ONCE_MAX = 8

SIGN_IN = 4401
TOO_SLOW = 4408
TOO_LONG = 1009
RESTART = 1012


class Conversation:
    """One client's hour: what it says, and what it is told."""

    def __init__(
        self, stream: "Stream", socket: WebSocket, principal: Principal, client: Client
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
                envelopes = [*envelopes, self._heartbeat()]
                beat = trio.current_time() + HEARTBEAT_SECONDS
            if envelopes:
                await self._send(self._stream.hub.frame(envelopes))
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
        state = self._stream.engine.status().state
        return self._envelope("HEARTBEAT", live.Heartbeat(state))

    def _hello(self) -> live.Hello:
        return live.Hello(
            id=self._principal.id,
            role=self._principal.role,
            state=self._stream.engine.status().state,
            topics=tuple(sorted(wire.EVENT_TOPICS | wire.POLLED_TOPICS)),
            heartbeat_seconds=HEARTBEAT_SECONDS,
        )

    def _envelope(self, kind: str, body: Any) -> bytes:
        now = self._stream.answers.now_ms()
        return wire.encode(wire.Envelope(0, now, kind, "", body))

    def _tell(self, kind: str, body: Any) -> None:
        self._client.answer(self._envelope(kind, body))

    # --- reading -----------------------------------------------------------------

    async def _read(self, nursery: trio.Nursery) -> None:
        while True:
            text = await self._receive()
            topics: tuple[str, ...] = ()
            try:
                said = self._understood(text)
                if isinstance(said, wire.Subscribe | wire.Unsubscribe):
                    topics = said.topics
                self._obey(said, nursery)
            except Refused as refused:
                self._refuse(refused.status, refused.message, topics)

    def _refuse(self, status: int, message: str, topics: tuple[str, ...]) -> None:
        self._tell("ERROR", live.Fault(False, status, message, topics))

    async def _receive(self) -> str:
        try:
            text = await self._socket.receive_text()
        except KeyError as error:
            raise Closed(1003, "frames must be text") from error
        if len(text) > wire.MESSAGE_BYTES_MAX:
            raise Closed(TOO_LONG, f"a message has {wire.MESSAGE_BYTES_MAX} bytes")
        return text

    def _understood(self, text: str) -> wire.Said:
        try:
            return wire.said(text)
        except msgspec.MsgspecError as error:
            self._stream.gate.pace(self._principal)
            raise Refused(400, f"this message is not understood: {error}") from error

    def _obey(self, said: wire.Said, nursery: trio.Nursery) -> None:
        match said:
            case wire.CommandSaid():
                self._check_sign_in()  # who was signed in may be so no more
                self._command(said, nursery)  # paced by its name
            case wire.Subscribe():
                # Many reads beside it must not leave a page without its stream.
                self._stream.gate.pace(self._principal, apart="following")
                self._subscribe(said)
            case wire.Unsubscribe():
                self._stream.gate.pace(self._principal)
                for topic in said.topics[: wire.TOPICS_MAX]:
                    self._stream.hub.unsubscribe(self._client, topic)
            case wire.Ping():
                self._stream.gate.pace(self._principal)
                self._tell("PONG", live.Pong(said.id))
            case wire.Authenticate():
                raise Refused(400, "this connection is signed in already")

    def _subscribe(self, said: wire.Subscribe) -> None:
        held = self._client.topics() | set(said.topics)
        if len(held) > wire.TOPICS_MAX:
            msg = f"{len(held)} topics are too many: the limit is {wire.TOPICS_MAX}"
            raise Refused(400, msg)
        unknown = tuple(
            topic
            for topic in dict.fromkeys(said.topics)
            if not self._stream.hub.subscribe(
                self._client, topic, said.after.get(topic)
            )
        )
        if unknown:
            known = ", ".join(sorted(wire.EVENT_TOPICS | wire.POLLED_TOPICS))
            msg = f"topics {[*unknown]} are unknown; allowed: {known}, symbol:SYMBOL"
            self._refuse(400, msg, unknown)

    def _command(self, said: wire.CommandSaid, nursery: trio.Nursery) -> None:
        if self._commands >= COMMANDS_AT_ONCE_MAX:
            busy = f"{COMMANDS_AT_ONCE_MAX} commands of this client are not done yet"
            self._tell("COMMAND", live.CommandOutcome(said.id, False, 503, busy))
            return
        self._commands += 1
        nursery.start_soon(self._perform, said)

    async def _perform(self, said: wire.CommandSaid) -> None:
        try:
            answer = await self._stream.commander.perform(
                said.command, said.args, self._principal, said.key
            )
            outcome = _outcome(said.id, answer)
        except Refused as refused:
            outcome = _refusal(said.id, refused)
        except Exception as error:  # noqa: BLE001 - the connection guard: one command's fault must not end the stream
            where = f"/ws command {said.command}"
            outcome = _refusal(said.id, self._stream.answers.incident(error, where))
        finally:
            self._commands -= 1
        self._tell("COMMAND", outcome)


def _refusal(said_id: str, refused: Refused) -> live.CommandOutcome:
    return live.CommandOutcome(said_id, False, refused.status, refused.message)


def _outcome(said_id: str, answer: CommandAnswer) -> live.CommandOutcome:
    return live.CommandOutcome(said_id, answer.ok, answer.code, answer.message)
