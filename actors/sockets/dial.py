"""Dialling: TCP, TLS and the opening handshake, all within one deadline."""

import os
import ssl

import trio

from actors.sockets.direct import DirectStream
from actors.sockets.errors import ConnectionLost, HandshakeFailed
from actors.sockets.handshake import Answer, Request, answered, written
from actors.sockets.terms import Terms
from actors.sockets.tls import TlsStream

HEAD_CHUNK = 16 * 1024


async def dialled(
    request: Request, terms: Terms, ssl_context: ssl.SSLContext | None
) -> tuple[trio.abc.Stream, Answer]:
    """Open the stream and shake hands; nothing stays open when that fails.

    Raises HandshakeFailed, ConnectionLost, or ValueError before anything is dialled.
    """
    target, wanted = request.target, written(request)
    stream: trio.abc.Stream | None = None
    try:
        with trio.fail_after(terms.handshake_seconds):
            stream = await trio.open_tcp_stream(target.host, target.port)
            direct = DirectStream(stream) if os.name == "posix" else None
            stream = direct or stream
            if target.secure:
                context = ssl_context or ssl.create_default_context()
                stream = tls = TlsStream(stream, context, target.host)
                await tls.shake_hands()
            await stream.send_all(wanted)
            answer = await _shaken(request, stream)
            if direct is not None:
                direct.breath_seconds = terms.breath_seconds
            return stream, answer
    except BaseException as error:
        if stream is not None:
            await trio.aclose_forcefully(stream)
        where = f"{target.host}:{target.port}"
        if isinstance(error, trio.TooSlowError):
            msg = f"{where} opened no WebSocket in {terms.handshake_seconds} s"
            raise HandshakeFailed(msg) from error
        if isinstance(error, (OSError, trio.BrokenResourceError)):
            cause = error.__cause__ or error
            msg = f"{where} cannot be reached: {cause}"
            raise ConnectionLost(msg) from error
        raise


async def _shaken(request: Request, stream: trio.abc.Stream) -> Answer:
    received = b""
    while (answer := answered(request, received)) is None:
        chunk = await stream.receive_some(HEAD_CHUNK)
        if not chunk:
            msg = f"the peer hung up in the handshake, after {received[:200]!r}"
            raise HandshakeFailed(msg)
        received += chunk
    return answer
