"""The WebSocket's endpoint: signs a client in, serves it, closes with a code."""

from collections.abc import Callable

import msgspec
import trio
from starlette.websockets import WebSocket, WebSocketDisconnect

from actors.domain.views import EngineView
from control import wire
from control.answers import Answers
from control.commands import Commander
from control.door.auth import Principal
from control.door.gate import Gate
from control.door.transport import current_transport
from control.errors import Closed, Refused
from control.live.conversation import HEARTBEAT_SECONDS, SIGN_IN, Conversation
from control.live.hub import Hub

SIGN_IN_SECONDS = 10.0
TOO_MANY = 4429
REASON_LENGTH_MAX = 120  # RFC 6455 allows 123 bytes


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
                await socket.close(closed.code, closed.reason[:REASON_LENGTH_MAX])

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
