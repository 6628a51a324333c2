"""Who may ask for what: tokens, of which only the SHA-256 is kept, and their roles.

A secret is compared as bytes in constant time, so a header of any bytes is a wrong
token and never a fault. Where tokens are kept is `control.door.token_file`'s matter;
sessions and one-use tickets are in `control.door.sessions`.
"""

import hashlib
import hmac
from collections.abc import Callable

import msgspec

from actors.domain.messages import Role
from actors.runtime.clock import WallClock
from config.errors import SecretError

TOKEN_VARIABLE = "BREAKOUT_TOKEN"  # noqa: S105 - the variable's name, not a secret
SECRET_LENGTH_MIN = 16
TOKENS_MAX = 64
_RANK = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}

NowMs = Callable[[], int]


def includes(held: Role, needed: Role) -> bool:
    """Whether `held` may do what `needed` may."""
    return _RANK[held] >= _RANK[needed]


class Principal(msgspec.Struct, frozen=True):
    """Somebody who has signed in; `session` is the hash of a browser's cookie."""

    id: str
    role: Role
    session: str | None = None
    seal: str = ""  # which secret it was: a new token of the same id is another one

    @property
    def signature(self) -> str:
        """What the audit writes of who it was."""
        return f"{self.id} as {self.role}"


class TokenRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a token: never the token."""

    id: str
    role: Role
    sha256: str
    created_ms: int | None = None  # None: made by a release that did not say
    expires_ms: int | None = None  # None: it stands until it is revoked

    def stands(self, now_ms: int) -> bool:
        """Whether it opens anything at this moment."""
        return self.expires_ms is None or now_ms < self.expires_ms


class Tokens:
    """The tokens that open this engine: of this run, and on file.

    `refresh` is called before every look, so that what another process has changed
    counts at once; it replaces the records on file by `replace`.
    """

    def __init__(
        self, records: tuple[TokenRecord, ...] = (), now_ms: NowMs | None = None
    ) -> None:
        self.now_ms = now_ms or WallClock().now_ms
        self.refresh: Callable[[], None] = _nothing
        self.used_ms: dict[str, int] = {}
        self._on_file: dict[str, TokenRecord] = {}
        self._of_this_run: dict[str, TokenRecord] = {}
        self.replace(records)

    def replace(self, records: tuple[TokenRecord, ...]) -> None:
        """Take what is on file now; raises SecretError when it is too much."""
        require_room(len(records) - 1, "of the token file")
        self._on_file = {record.id: record for record in records}
        known = self._all()
        self.used_ms = {key: ms for key, ms in self.used_ms.items() if key in known}

    def add(
        self, secret: str, role: Role, token_id: str, expires_ms: int | None = None
    ) -> TokenRecord:
        """Let `secret` in as `role` for this run; raises SecretError if too weak."""
        record = sealed(secret, role, token_id, self.now_ms(), expires_ms)
        if token_id not in self._all():
            require_room(len(self._all()), repr(token_id))
        self._of_this_run[token_id] = record
        return record

    def revoke(self, token_id: str) -> None:
        """Forget a token; an id nobody has is no error."""
        self._of_this_run.pop(token_id, None)
        self._on_file.pop(token_id, None)

    def records(self) -> tuple[TokenRecord, ...]:
        """List what is kept."""
        self.refresh()
        return tuple(self._all().values())

    def is_of_this_run(self, token_id: str) -> bool:
        """Whether a token is on no file: it came with the environment."""
        return token_id in self._of_this_run

    def principal(self, secret: bytes) -> Principal | None:
        """Return whose secret this is; None: nobody's, or it has expired."""
        self.refresh()
        digest = hashlib.sha256(secret).digest()
        found = None
        for record in self._all().values():  # all: no early answer to time
            if hmac.compare_digest(bytes.fromhex(record.sha256), digest):
                found = record
        now_ms = self.now_ms()
        if found is None or not found.stands(now_ms):
            return None
        self.used_ms[found.id] = now_ms
        return Principal(found.id, found.role, seal=found.sha256)

    def principal_of(self, token_id: str) -> Principal | None:
        """Return who a token stands for now; None: it is gone, or has expired."""
        self.refresh()
        record = self._all().get(token_id)
        if record is None or not record.stands(self.now_ms()):
            return None
        return Principal(record.id, record.role, seal=record.sha256)

    def last_used_ms(self, token_id: str) -> int | None:
        """Return when a token opened something last; None: it never did."""
        return self.used_ms.get(token_id)

    def _all(self) -> dict[str, TokenRecord]:
        return self._on_file | self._of_this_run


def sealed(
    secret: str,
    role: Role,
    token_id: str,
    created_ms: int,
    expires_ms: int | None = None,
) -> TokenRecord:
    """Make the record of a secret; raises SecretError when it is too weak."""
    if len(secret) < SECRET_LENGTH_MIN:
        msg = (
            f"token {token_id!r} has {len(secret)} characters, at least "
            f"{SECRET_LENGTH_MIN} are needed; make one with `breakout token create`"
        )
        raise SecretError(msg)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return TokenRecord(token_id, role, digest, created_ms, expires_ms)


def require_room(held: int, what: str) -> None:
    """Raise SecretError when one more token would be too many."""
    if held >= TOKENS_MAX:
        msg = f"token {what} is one too many: the limit is {TOKENS_MAX}; revoke one"
        raise SecretError(msg)


def bearer(header: str | None) -> bytes | None:
    """Return the secret of an Authorization header; None: there is no bearer.

    ASGI headers arrive as latin-1 text; that encoding gives the very bytes back.
    """
    if header is None:
        return None
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    return secret.strip().encode("latin-1", "replace")


def _nothing() -> None:
    """Nobody else can change tokens that are on no file."""
