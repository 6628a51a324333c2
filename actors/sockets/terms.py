"""What a connection is held to: its deadlines and its bounds."""

import msgspec


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Deadlines in seconds and sizes in bytes. None: that one is not kept."""

    handshake_seconds: float = 10.0  # dial, TLS and handshake together
    close_seconds: float = 5.0  # for the peer's half of the closing handshake
    send_seconds: float = 10.0  # for the bytes of one turn of sending to go out
    ping_seconds: float | None = 10.0  # between two pings of ours
    #: An exchange's own ping, sent as a text; None: a ping frame.
    ping_text: bytes | None = None
    #: Whatever comes within this time after a ping proves that the peer lives.
    pong_seconds: float = 5.0
    #: Longest silence of all, pings or not; None where a peer may keep silent.
    silence_seconds: float | None = None
    message_bytes_max: int = 16 * 1024 * 1024
    #: Taken from the socket at once. Memory of 128 KiB and more is asked of the system
    #: for each read, which costs twenty times what the read does.
    receive_bytes: int = 64 * 1024
    #: Messages that follow one another sooner are read together; the longest that one
    #: waits for others. 0: each is read as soon as it is there.
    breath_seconds: float = 0.0
    outbox_messages_max: int = 256
    deflate: bool = True  # offer permessage-deflate
