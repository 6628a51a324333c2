"""Every way in which a WebSocket ends or refuses.

SocketError
+-- HandshakeFailed     the peer answered, but not with this WebSocket
+-- ConnectionLost      the bytes ended without a closing handshake
|   +-- PeerSilent      nothing came for too long: the peer may be gone
|   +-- PeerStuck       the peer takes nothing any more
+-- ProtocolBroken      the peer sent what no WebSocket may send
|   +-- MessageTooBig   a message, as sent or inflated, is above the limit
|   +-- NotUtf8         a text that is none
+-- ClosedByPeer        the peer said goodbye, with a code and a reason
+-- ClosedByUs          the socket is used after its own close
+-- OutboxFull          more was to be sent at once than may wait

Whoever reconnects catches SocketError; all but the last two mean "dial again".
"""


class SocketError(Exception):
    """The root."""


class HandshakeFailed(SocketError):
    """The peer's answer to the opening handshake is no switch of protocols.

    `status` is None where there was no readable answer; `headers` has lower-case names.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body = body  # what came with the head, a few kilobytes at most


class ConnectionLost(SocketError):
    """The connection ended without a closing handshake."""


class PeerSilent(ConnectionLost):
    """Nothing was heard within the time that the terms allow."""


class PeerStuck(ConnectionLost):
    """A send did not go out within the time that the terms allow."""


class ProtocolBroken(SocketError):
    """The peer broke RFC 6455 or RFC 7692; `code` is what we close with."""

    code = 1002


class MessageTooBig(ProtocolBroken):
    """A message is longer than the terms allow."""

    code = 1009


class NotUtf8(ProtocolBroken):
    """A text message or a close reason is not UTF-8."""

    code = 1007


class ClosedByPeer(SocketError):
    """The peer closed in order. Code 1005: it gave none."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the peer closed with {code} {reason!r}")
        self.code = code
        self.reason = reason


class ClosedByUs(SocketError):
    """The socket is closed, by its owner."""


class OutboxFull(SocketError):
    """The outbox holds as many messages as it may."""
