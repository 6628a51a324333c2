"""A browser's way in: one-use tickets become session cookies, never a query string.

Three kinds of short-lived secret, each kept only as its SHA-256, in bounded tables:
the sign-in link's ticket (10 minutes, once), the session (12 hours) and the ticket
that opens one WebSocket (10 seconds, once).
"""

import hashlib
import secrets
from collections import OrderedDict

import msgspec

from control.door.auth import Principal, Tokens
from control.door.limiter import Now

LINK_SECONDS = 600.0
SOCKET_SECONDS = 10.0
SESSION_SECONDS = 12 * 3600.0
ENTRIES_MAX = 256
OF_ONE_TOKEN_MAX = 16  # so that nobody can push all the others out


class _Entry(msgspec.Struct, frozen=True):
    """Who a secret stands for, and until when."""

    principal: Principal
    until_seconds: float


class _Vault:
    """Secrets by their hash; the oldest of a token, then of all, make room."""

    def __init__(self, life_seconds: float, now: Now) -> None:
        self._life_seconds = life_seconds
        self._now = now
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def issue(self, principal: Principal) -> str:
        secret = secrets.token_urlsafe(32)
        own = [h for h, e in self._entries.items() if e.principal.id == principal.id]
        for hashed in own[: max(0, len(own) - OF_ONE_TOKEN_MAX + 1)]:
            self.forget(hashed)
        while len(self._entries) >= ENTRIES_MAX:
            self._entries.popitem(last=False)
        until = self._now() + self._life_seconds
        self._entries[_hash(secret)] = _Entry(principal, until)
        return secret

    def look(self, hashed: str) -> Principal | None:
        entry = self._entries.get(hashed)
        if entry is None or self._now() >= entry.until_seconds:
            return None
        return entry.principal

    def redeem(self, secret: str) -> Principal | None:
        found = self.look(_hash(secret))
        self.forget(_hash(secret))
        return found

    def forget(self, hashed: str) -> None:
        self._entries.pop(hashed, None)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Sessions:
    """Links, sessions and socket tickets of one engine."""

    def __init__(self, tokens: Tokens, now: Now) -> None:
        self._tokens = tokens
        self._links = _Vault(LINK_SECONDS, now)
        self._sessions = _Vault(SESSION_SECONDS, now)
        self._sockets = _Vault(SOCKET_SECONDS, now)

    def link(self, token_id: str) -> str:
        """Make the one-use ticket that a sign-in link carries in its fragment."""
        principal = self._tokens.principal_of(token_id)
        assert principal is not None, f"no token {token_id!r} to make a link for"
        return self._links.issue(principal)

    def enter(self, ticket: str) -> Principal | None:
        """Take a link's ticket, once."""
        return self._current(self._links.redeem(ticket))

    def begin(self, principal: Principal) -> str:
        """Start a session and return the cookie's secret."""
        return self._sessions.issue(principal)

    def find(self, secret: str) -> Principal | None:
        """Return whose session this is; None: it ended, or its token was revoked."""
        return self._session(_hash(secret))

    def end(self, principal: Principal) -> None:
        """Sign out."""
        if principal.session is not None:
            self._sessions.forget(principal.session)

    def socket_ticket(self, principal: Principal) -> str:
        """Make the ticket that opens one WebSocket of this session."""
        return self._sockets.issue(principal)

    def open_socket(self, ticket: str, secret: str | None) -> Principal | None:
        """Take a socket ticket, once; it opens only the session it was made for."""
        found = self._sockets.redeem(ticket)
        if found is None or secret is None or found.session != _hash(secret):
            return None
        return self.find(secret)

    def stands(self, principal: Principal) -> bool:
        """Whether who signed in before may still be here."""
        if principal.session is not None:
            return self._session(principal.session) is not None
        return self._current(principal) is not None

    def _session(self, hashed: str) -> Principal | None:
        found = self._current(self._sessions.look(hashed))
        if found is None:
            return None
        return msgspec.structs.replace(found, session=hashed)

    def _current(self, found: Principal | None) -> Principal | None:
        """Return who still stands behind a secret: its token, and no newer one."""
        if found is None:
            return None
        now = self._tokens.principal_of(found.id)
        if now is None or now.seal != found.seal or now.role is not found.role:
            return None
        return found
