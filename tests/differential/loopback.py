"""An exchange on loopback, in a thread: answers as it was told, writes all down.

The same code serves both sides, so that whatever differs is the client's doing.
"""

import base64
import hashlib
import socket
import struct
import threading
from contextlib import suppress
from typing import NamedTuple

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Script(NamedTuple):
    """What every request of the next call is answered with; a fault replaces it."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    fault: str = ""  # "reset", "hang_up", "cut", "garbage", "silence", "redirect"


class Loopback:
    """Listens on 127.0.0.1; a thread for each connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.script = Script()
        self.requests: list[bytes] = []
        self.frames: list[tuple[str, str]] = []  # of all sockets: path and text
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        """Begin a new call."""
        with self._lock:
            self.requests.clear()
            self.frames.clear()

    def say(self, payload: bytes, opcode: int) -> int:
        """Send a message over every WebSocket that is open; says how many there are."""
        with self._lock:
            connections = list(self._sockets)
        for connection in connections:
            _send_frame(connection, opcode, payload)
        return len(connections)

    def hang_up(self) -> None:
        """Close every WebSocket."""
        for connection in list(self._sockets):
            connection.close()
        self._sockets.clear()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            serve = threading.Thread(
                target=self._serve, args=(connection,), daemon=True
            )
            serve.start()

    def _serve(self, connection: socket.socket) -> None:
        received = bytearray()
        try:
            while (raw := _read_request(connection, received)) is not None:
                if b"upgrade: websocket" in raw.lower():
                    self._serve_socket(connection, raw, received)
                    return
                with self._lock:
                    self.requests.append(raw)
                if not _answer(connection, self.script, raw):
                    return
        except OSError:
            pass  # the client hung up: what it sent is written down
        finally:
            connection.close()

    def _serve_socket(
        self, connection: socket.socket, raw: bytes, received: bytearray
    ) -> None:
        path = raw.split(b" ", 2)[1].decode()
        key = next(
            line.split(b":", 1)[1].strip()
            for line in raw.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key:")
        )
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
        with self._lock:
            self._sockets.append(connection)
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        try:
            while True:
                opcode, payload = _read_frame(connection, received)
                if opcode == TEXT:
                    with self._lock:
                        self.frames.append((path, payload.decode()))
                elif opcode == PING:
                    _send_frame(connection, PONG, payload)
                elif opcode == CLOSE:
                    _send_frame(connection, CLOSE, payload)
                    return
        finally:
            if connection in self._sockets:
                self._sockets.remove(connection)


def _answer(connection: socket.socket, script: Script, raw: bytes) -> bool:
    """Answer one request; False: the connection is over."""
    if script.fault == "reset":
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return False
    if script.fault == "hang_up":
        return False
    if script.fault == "silence":
        connection.recv(1)
        return False
    if script.fault == "garbage":
        connection.sendall(b"what is this\r\n\r\n")
        return False
    head = (
        f"HTTP/1.1 {script.status} Because\r\nContent-Type: {script.content_type}\r\n"
    )
    if script.fault == "redirect" and b"/elsewhere" not in raw.split(b"\r\n")[0]:
        head = "HTTP/1.1 302 Found\r\nLocation: /elsewhere?a=1\r\n"
    if script.fault == "gzip":
        head += "Content-Encoding: gzip\r\n"
    if script.status == 204:
        connection.sendall(head.encode() + b"\r\n")
        return True
    length = len(script.body) + (100 if script.fault == "cut" else 0)
    head += f"Content-Length: {length}\r\nX-Case-Kept: 1\r\n\r\n"
    connection.sendall(head.encode() + script.body)
    return script.fault != "cut"


def _read_request(connection: socket.socket, received: bytearray) -> bytes | None:
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        received += chunk
    end = received.index(b"\r\n\r\n") + 4
    length = 0
    for line in bytes(received[:end]).split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(received) < end + length:
        received += connection.recv(65536)
    raw = bytes(received[: end + length])
    del received[: end + length]
    return raw


def _read_frame(connection: socket.socket, received: bytearray) -> tuple[int, bytes]:
    def need(count: int) -> None:
        while len(received) < count:
            chunk = connection.recv(65536)
            if not chunk:
                raise ConnectionResetError
            received.extend(chunk)

    need(6)
    length, head = received[1] & 127, 6
    if length == 126:
        need(8)
        length, head = int.from_bytes(received[2:4], "big"), 8
    elif length == 127:
        need(14)
        length, head = int.from_bytes(received[2:10], "big"), 14
    need(head + length)
    key = received[head - 4 : head]
    payload = bytes(
        b ^ key[i % 4] for i, b in enumerate(received[head : head + length])
    )
    opcode = received[0] & 15
    del received[: head + length]
    return opcode, payload


def _send_frame(connection: socket.socket, opcode: int, payload: bytes) -> None:
    size = len(payload)
    if size < 126:
        head = bytes((128 | opcode, size))
    elif size < 65536:
        head = bytes((128 | opcode, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((128 | opcode, 127)) + size.to_bytes(8, "big")
    with suppress(OSError):  # the client has gone; its side says so
        connection.sendall(head + payload)
