"""The gate: who stands at the door, what they may do, and how often.

Every refusal is a `Refused` with its status: 401 without a good token, 403 with too
low a role or a foreign page behind a cookie, 429 too often. How often is counted for
each token and for each address. A good token always passes, also from an address whose
sign-ins failed, and halting has a count of its own for each token and none for the
address: nobody can be locked out by a stranger on the same machine.
"""

import math

import msgspec
from starlette.requests import HTTPConnection

from actors.domain.messages import Role
from control.door.auth import Principal, Tokens, bearer, includes
from control.door.guard import neighbourhood
from control.door.limiter import Limiter, Now
from control.door.sessions import Sessions
from control.errors import Refused

FAILED_SIGN_INS_MAX = 5
FAILED_PERIOD_SECONDS = 15 * 60.0
CSRF_HEADER = "x-breakout"
SAFE_METHODS = frozenset({"GET", "HEAD"})


class GateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a deployment may choose about the door."""

    origins: tuple[str, ...] = ()  # exact, besides the page's own
    secure: bool = False  # served over TLS: the cookie is __Host- and Secure
    requests_per_second: float = 10.0  # of one token
    requests_burst: float = 20.0
    address_per_second: float = 50.0  # of one address, whoever asks from there
    address_burst: float = 200.0
    metrics_open: bool = False  # /metrics without a token; loopback only


class Gate:
    """Admits requests and handshakes."""

    def __init__(self, tokens: Tokens, settings: GateSettings, now: Now) -> None:
        self.tokens = tokens
        self.sessions = Sessions(tokens, now)
        self.settings = settings
        self._failed = Limiter(
            FAILED_SIGN_INS_MAX / FAILED_PERIOD_SECONDS, FAILED_SIGN_INS_MAX, now
        )
        self._rates = Limiter(
            settings.requests_per_second, settings.requests_burst, now
        )
        self._addresses = Limiter(
            settings.address_per_second, settings.address_burst, now
        )

    @property
    def cookie(self) -> str:
        """The session cookie's name; `__Host-` is only for TLS."""
        return "__Host-breakout" if self.settings.secure else "breakout"

    def admit(
        self, connection: HTTPConnection, needed: Role, *, paced: bool = True
    ) -> Principal:
        """Return who asks; raises Refused 401, 403 or 429.

        A command is not paced here but by its name, in `Commander`.
        """
        principal = self.identify(connection)
        if paced:
            self.pace_address(connection)
            self.pace(principal)
        if principal.session is not None:
            self.from_own_page(connection)
        self.permit(principal, needed)
        return principal

    def identify(self, connection: HTTPConnection) -> Principal:
        """Return whose token or session this is; raises Refused 401 or 429."""
        secret = bearer(connection.headers.get("authorization"))
        if secret is not None:
            return self.proven(connection, self.tokens.principal(secret))
        found = self.sessions.find(connection.cookies.get(self.cookie, ""))
        if found is None:
            self.pace_address(connection)
            raise Refused(401, "sign in: send `Authorization: Bearer <token>`")
        return found

    def proven(self, connection: HTTPConnection, found: Principal | None) -> Principal:
        """Return `found`; count a failed sign-in otherwise and refuse."""
        if found is not None:
            return found
        address = address_of(connection)
        wait = self._failed.take(address)
        if wait > 0:
            msg = (
                f"more than {FAILED_SIGN_INS_MAX} sign-ins failed from {address} "
                f"within 15 minutes; wait {math.ceil(wait)} s"
            )
            raise Refused(429, msg, math.ceil(wait))
        raise Refused(401, "this token or ticket opens nothing here")

    def pace(self, principal: Principal, *, apart: str = "") -> None:
        """Count one request; raises Refused 429. `apart` has a count of its own."""
        wait = self._rates.take(f"{principal.id} {apart}")
        if wait > 0:
            rate = self.settings.requests_per_second
            msg = f"more than {rate:g} requests per second; wait {wait:.2f} s"
            raise Refused(429, msg, math.ceil(wait))

    def pace_address(self, connection: HTTPConnection) -> None:
        """Count one request of an address, whoever asks; raises Refused 429."""
        address = address_of(connection)
        wait = self._addresses.take(address)
        if wait > 0:
            rate = self.settings.address_per_second
            msg = (
                f"more than {rate:g} requests per second from {address}; "
                f"wait {wait:.2f} s"
            )
            raise Refused(429, msg, math.ceil(wait))

    def permit(self, principal: Principal, needed: Role) -> None:
        """Raise Refused 403 when the role is too low."""
        if not includes(principal.role, needed):
            msg = f"role {principal.role} may not do this; it needs {needed}"
            raise Refused(403, msg)

    def from_own_page(self, connection: HTTPConnection) -> None:
        """Raise Refused 403 unless our own page asks.

        A cookie alone never acts: a foreign page's request carries it too.
        """
        if connection.scope["method"] in SAFE_METHODS:
            return
        origin = connection.headers.get("origin")
        own = f"{connection.url.scheme}://{connection.headers.get('host', '')}"
        if origin not in {own, *self.settings.origins}:
            raise Refused(403, f"origin {origin!r} is not this page's own, {own!r}")
        if CSRF_HEADER not in connection.headers:
            raise Refused(403, f"a page's request needs the header {CSRF_HEADER!r}")


def address_of(connection: HTTPConnection) -> str:
    """Name where a request comes from; a whole IPv6 /64 is one guest."""
    if connection.client is None:
        return "unknown"
    return neighbourhood(connection.client.host)
