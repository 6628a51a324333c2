"""WebSocket frames as bytes: a server's are not masked, so one serves every client."""

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A


def frame(payload: bytes, kind: int = TEXT) -> bytes:
    """Put a payload into one whole frame."""
    size = len(payload)
    if size < 126:
        return bytes((kind, size)) + payload
    if size < 65_536:
        return bytes((kind, 126)) + size.to_bytes(2, "big") + payload
    return bytes((kind, 127)) + size.to_bytes(8, "big") + payload


def wrapped(name: str, payload: bytes) -> bytes:
    """Put a payload into the envelope of combined streams."""
    return b'{"stream":"' + name.encode() + b'","data":' + payload + b"}"


def close_frame(code: int, reason: str = "") -> bytes:
    """Make a closing frame."""
    return frame(code.to_bytes(2, "big") + reason.encode(), CLOSE)
