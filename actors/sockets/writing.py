"""Frames as a client writes them: masked, unfragmented, never compressed.

A peer that negotiated compression takes plain messages too (RFC 7692, section 6), and
what a client of an exchange sends is a few hundred bytes.
"""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN = 0x80
MASKED = 0x80
CONTROL_BYTES_MAX = 125
REASON_BYTES_MAX = CONTROL_BYTES_MAX - 2


def frame(opcode: int, payload: bytes, key: bytes) -> bytes:
    """Write one whole message as one frame; `key` is four unguessable bytes."""
    size = len(payload)
    if size <= CONTROL_BYTES_MAX:
        head = bytes((FIN | opcode, MASKED | size))
    elif size < 1 << 16:
        head = bytes((FIN | opcode, MASKED | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((FIN | opcode, MASKED | 127)) + size.to_bytes(8, "big")
    return head + key + masked(payload, key)


def masked(payload: bytes, key: bytes) -> bytes:
    """XOR the payload with the repeated key, as one long number: no loop over bytes."""
    size = len(payload)
    pattern = (key * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "little") ^ int.from_bytes(pattern, "little")
    return mixed.to_bytes(size, "little")


def close_payload(code: int, reason: str) -> bytes:
    """Write a close frame's code and reason; a long reason is cut between letters."""
    text = reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
    return code.to_bytes(2, "big") + text.encode()
