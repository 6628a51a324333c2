"""The client library: command an engine and follow it, over its WebSocket.

    async with connect("http://127.0.0.1:8000", token) as client:
        await client.subscribe("transitions", "positions")
        answer = await client.command("pause")
        async for envelope in client.events():
            ...

A lost connection is made again, with growing patience, and each event topic resumes
behind the last event that was had; what cannot be resumed comes as a new snapshot
marked `resync`. Topics that were asked for too fast are asked for again; those that
the engine does not give are named in `refused`, and why. A command whose answer was
lost raises AnswerUnknown: it may have acted, so it is never sent again by itself.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import msgspec
import trio
import trio_websocket as ws

from control import wire
from control.away.dial import dial, socket_url
from control.errors import AnswerUnknown, ClientError, SignInRefused, Unreachable

SILENCE_SECONDS_MAX = 15.0
ANSWER_SECONDS_MAX = 10.0
DELAY_SECONDS_MIN = 0.25
DELAY_SECONDS_MAX = 10.0
AGAIN_SECONDS = 1.0
TOO_OFTEN = 429
EVENTS_MAX = 1024
SIGN_IN_CODES = frozenset({4401, 4403})
OWN_KINDS = frozenset({"HELLO", "HEARTBEAT", "PONG"})

_BROKEN = (
    OSError,
    ValueError,  # the address makes no sense, or the answer is no envelope
    AnswerUnknown,
    ws.HandshakeError,
    trio.TooSlowError,
)

_frame = msgspec.json.Decoder(list[wire.Envelope])


class CommandResult(msgspec.Struct, frozen=True):
    """The engine's answer to one command; `code` as over HTTP."""

    id: str
    ok: bool
    code: int
    message: str


class _Waiting(msgspec.Struct):
    """Somebody waits for the answer of one command."""

    done: trio.Event
    body: dict[str, Any] | None = None


@asynccontextmanager
async def connect(
    url: str, token: str, chance: random.Random | None = None
) -> AsyncIterator["Client"]:
    """Connect and sign in; raises Unreachable or SignInRefused at the first try."""
    client = Client(url, token, chance or random.Random())  # noqa: S311 - jitter, no secret
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(client.run)
            nursery.start_soon(client.ask_again)
            if client.failure is None:
                yield client
                await client.close()
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:  # the caller's own error, as it was raised
            raise group.exceptions[0] from None
        raise
    if client.failure is not None:
        raise client.failure


class Client(AsyncIterator[wire.Envelope]):
    """One engine, followed over as many connections as it takes; see `connect`."""

    def __init__(self, url: str, token: str, chance: random.Random) -> None:
        self.url = socket_url(url)
        self.failure: ClientError | None = None
        self.hello: dict[str, Any] = {}
        self.connections = 0
        self._token = token
        self._chance = chance
        self._socket: ws.WebSocketConnection | None = None
        #: Topics that do not come, and why.
        self.refused: dict[str, str] = {}
        self._topics: dict[str, int | None] = {}
        self._hasty = trio.Event()  # some were asked for too fast
        self._waiting: dict[str, _Waiting] = {}
        self._serial = 0
        self._talk = trio.CancelScope()
        self._is_leaving = False
        self._left = trio.Event()
        self._send, self._receive = trio.open_memory_channel[wire.Envelope](EVENTS_MAX)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._socket is not None

    async def command(self, name: str, **args: Any) -> CommandResult:
        """Give a command and wait for its end; raises AnswerUnknown."""
        self._serial += 1
        asked = f"{self._serial}"
        said = wire.CommandSaid(asked, name, args)
        waiting = self._waiting[asked] = _Waiting(trio.Event())
        try:
            await self._say(said)
            with trio.move_on_after(ANSWER_SECONDS_MAX):
                await waiting.done.wait()
        finally:
            del self._waiting[asked]
        if waiting.body is None:
            msg = f"no answer to {name!r} came: it may have acted; see the status"
            raise AnswerUnknown(msg)
        return msgspec.convert(waiting.body, CommandResult)

    async def subscribe(self, *topics: str) -> None:
        """Follow these topics from now on, over reconnects too."""
        self._topics |= dict.fromkeys(topics)
        if self._socket is not None:
            with suppress(AnswerUnknown):  # the next connection asks for them again
                await self._ask(topics)

    async def ask_again(self) -> None:
        """Ask again, a while later, for what was asked for too fast."""
        while True:
            await self._hasty.wait()
            await trio.sleep(AGAIN_SECONDS)
            self._hasty = trio.Event()
            topics = tuple(name for name in self.refused if name in self._topics)
            if topics:
                with suppress(AnswerUnknown):
                    await self._ask(topics)

    def events(self) -> AsyncIterator[wire.Envelope]:
        """Iterate over envelopes; raises SignInRefused when the token is revoked.

        Read on: when EVENTS_MAX envelopes wait, this client reads no more frames,
        answers included, and the engine will resync it and then let it go.
        """
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> wire.Envelope:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise (self.failure or StopAsyncIteration) from None

    async def close(self) -> None:
        """Say goodbye, so that the engine need not find out."""
        if self._socket is not None:
            self._is_leaving = True
            self._talk.cancel()
            await self._left.wait()

    async def run(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Hold a connection until the engine says that this token is not welcome."""
        delay = DELAY_SECONDS_MIN
        async with self._send:
            while self.failure is None:
                before = self.connections
                await self._connection(task_status)
                self._lose_answers()
                if self.connections == 0 or self._is_leaving:
                    break
                delay = DELAY_SECONDS_MIN if self.connections > before else delay * 2
                delay = min(delay, DELAY_SECONDS_MAX)
                await trio.sleep(delay * self._chance.uniform(0.5, 1.0))
        self._left.set()
        if self.connections == 0:
            task_status.started()

    async def _connection(self, task_status: trio.TaskStatus[None]) -> None:
        """Live through one connection, or note why there is none."""
        headers = [(b"authorization", b"Bearer " + self._token.encode())]
        try:
            async with dial(self.url, headers) as socket:
                with trio.CancelScope() as self._talk:
                    await self._follow(socket, task_status)
        except ws.ConnectionClosed as closed:
            self._judge(closed)
        except _BROKEN as error:
            if self.connections == 0:
                self.failure = Unreachable(f"no engine answers at {self.url}: {error}")
        finally:
            self._socket = None

    async def _follow(
        self, socket: ws.WebSocketConnection, task_status: trio.TaskStatus[None]
    ) -> None:
        for envelope in await _hear(socket):
            self.hello = envelope.data
        self._socket = socket
        self.connections += 1
        await self._resume()
        if self.connections == 1:
            task_status.started()
        while True:
            for envelope in await _hear(socket):
                await self._take(envelope)

    async def _resume(self) -> None:
        if self._topics:
            await self._ask(tuple(self._topics))

    async def _ask(self, topics: tuple[str, ...]) -> None:
        for name in topics:
            self.refused.pop(name, None)
        known = {name: self._topics[name] for name in topics}
        after = {name: seq for name, seq in known.items() if seq is not None}
        await self._say(wire.Subscribe(topics, after))

    def _heed(self, code: int, message: str, topics: list[str]) -> None:
        """Note which topics do not come; what would be refused again is given up."""
        for name in topics:
            if name not in self._topics:
                continue
            self.refused[name] = message
            if code == TOO_OFTEN:
                self._hasty.set()
            else:
                del self._topics[name]

    async def _take(self, envelope: wire.Envelope) -> None:
        if envelope.kind == "COMMAND":
            waiting = self._waiting.get(envelope.data["id"])
            if waiting is not None:
                waiting.body = envelope.data
                waiting.done.set()
        elif envelope.kind not in OWN_KINDS:
            if envelope.kind == "ERROR":
                told = envelope.data
                self._heed(told["code"], told["message"], told.get("topics", []))
            await self._send.send(envelope)
            if envelope.seq and envelope.topic in wire.EVENT_TOPICS:
                self._topics[envelope.topic] = envelope.seq

    async def _say(self, said: wire.Said) -> None:
        if self._socket is None:
            msg = "there is no connection now; nothing was sent"
            raise AnswerUnknown(msg)
        try:
            await self._socket.send_message(wire.encode(said).decode())
        except ws.ConnectionClosed as error:
            msg = "the connection broke while sending: it may have arrived"
            raise AnswerUnknown(msg) from error

    def _lose_answers(self) -> None:
        for waiting in self._waiting.values():
            waiting.done.set()

    def _judge(self, closed: ws.ConnectionClosed) -> None:
        code = closed.reason.code if closed.reason else 0
        text = closed.reason.reason if closed.reason else "no reason was given"
        if code in SIGN_IN_CODES:
            self.failure = SignInRefused(f"{self.url}: {text} ({code})")
        elif self.connections == 0:
            self.failure = Unreachable(f"{self.url} closed at once: {text} ({code})")


async def _hear(socket: ws.WebSocketConnection) -> list[wire.Envelope]:
    """Wait for a frame; silence longer than three heartbeats is a lost connection."""
    with trio.fail_after(SILENCE_SECONDS_MAX):
        return _frame.decode(await socket.get_message())
