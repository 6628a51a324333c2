"""A WebSocket client on trio streams, fast enough for a whole market.

`open_websocket` (or `connect`, into a nursery of your own) gives a `WebSocket`: one
task calls `receive`, any task may send. A text message arrives as `bytes` that are
checked UTF-8, a binary one as `Binary`, which is `bytes` too. No trading word here.
"""

from actors.sockets.client import WebSocket
from actors.sockets.errors import (
    ClosedByPeer,
    ClosedByUs,
    ConnectionLost,
    HandshakeFailed,
    MessageTooBig,
    NotUtf8,
    OutboxFull,
    PeerSilent,
    PeerStuck,
    ProtocolBroken,
    SocketError,
)
from actors.sockets.frames import Binary, FrameReader
from actors.sockets.opening import Address, connect, open_websocket
from actors.sockets.terms import Terms

__all__ = [
    "Address",
    "Binary",
    "ClosedByPeer",
    "ClosedByUs",
    "ConnectionLost",
    "FrameReader",
    "HandshakeFailed",
    "MessageTooBig",
    "NotUtf8",
    "OutboxFull",
    "PeerSilent",
    "PeerStuck",
    "ProtocolBroken",
    "SocketError",
    "Terms",
    "WebSocket",
    "connect",
    "open_websocket",
]
