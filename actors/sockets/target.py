"""Where a WebSocket leads: a ws or wss address, taken apart and checked."""

from urllib.parse import urlsplit

import msgspec

PORTS = {"ws": 80, "wss": 443}


class Target(msgspec.Struct, frozen=True):
    """A dialled address."""

    host: str
    port: int
    secure: bool
    resource: str  # path and query
    authority: str  # what the Host header says

    @classmethod
    def parse(cls, url: str) -> "Target":
        """Take a url apart; ValueError: it is no address of a WebSocket."""
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            msg = f"{url!r} is no ws:// or wss:// address"
            raise ValueError(msg)
        if parts.username is not None or not url.isascii() or _has_blanks(url):
            msg = f"{url!r} has a user, a blank or a letter beyond ASCII in it"
            raise ValueError(msg)
        port = parts.port or PORTS[parts.scheme]
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        query = f"?{parts.query}" if parts.query else ""
        return cls(
            parts.hostname,
            port,
            parts.scheme == "wss",
            (parts.path or "/") + query,
            host if port == PORTS[parts.scheme] else f"{host}:{port}",
        )


def _has_blanks(url: str) -> bool:
    return any(letter <= " " or letter == "\x7f" for letter in url)
