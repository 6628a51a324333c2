"""Who may ask for what: tokens, of which only the SHA-256 is kept, and their roles.

A secret is compared as bytes in constant time, so a header of any bytes is a wrong
token and never a fault. Sessions and one-use tickets are in `control.door.sessions`.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from actors.domain.messages import Role
from config.errors import SecretError

TOKEN_VARIABLE = "BREAKOUT_TOKEN"  # noqa: S105 - the variable's name, not a secret
SECRET_LENGTH_MIN = 16
TOKENS_MAX = 64
_RANK = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}


def includes(held: Role, needed: Role) -> bool:
    """Whether `held` may do what `needed` may."""
    return _RANK[held] >= _RANK[needed]


class Principal(msgspec.Struct, frozen=True):
    """Somebody who has signed in; `session` is the hash of a browser's cookie."""

    id: str
    role: Role
    session: str | None = None


class TokenRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a token: never the token."""

    id: str
    role: Role
    sha256: str


class Tokens:
    """The tokens that open this engine."""

    def __init__(self, records: tuple[TokenRecord, ...] = ()) -> None:
        self._records: dict[str, TokenRecord] = {}
        for record in records:
            self._keep(record)

    def add(self, secret: str, role: Role, token_id: str) -> TokenRecord:
        """Let `secret` in as `role`; raises SecretError when it is too weak."""
        if len(secret) < SECRET_LENGTH_MIN:
            msg = (
                f"token {token_id!r} has {len(secret)} characters, at least "
                f"{SECRET_LENGTH_MIN} are needed; make one with `breakout token create`"
            )
            raise SecretError(msg)
        record = TokenRecord(token_id, role, _digest(secret.encode()).hex())
        self._keep(record)
        return record

    def revoke(self, token_id: str) -> None:
        """Forget a token; an id nobody has is no error."""
        self._records.pop(token_id, None)

    def records(self) -> tuple[TokenRecord, ...]:
        """List what is kept."""
        return tuple(self._records.values())

    def role_of(self, token_id: str) -> Role | None:
        """Return the role of a token id; None: it is gone."""
        record = self._records.get(token_id)
        return None if record is None else record.role

    def principal(self, secret: bytes) -> Principal | None:
        """Return whose secret this is; None: nobody's."""
        digest = _digest(secret)
        found = None
        for record in self._records.values():  # all of them: no early answer to time
            if hmac.compare_digest(bytes.fromhex(record.sha256), digest):
                found = Principal(record.id, record.role)
        return found

    def _keep(self, record: TokenRecord) -> None:
        if len(self._records) >= TOKENS_MAX and record.id not in self._records:
            msg = f"token {record.id!r} is one too many: the limit is {TOKENS_MAX}"
            raise SecretError(msg)
        self._records[record.id] = record


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


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


def open_tokens(
    environment: Mapping[str, str], path: Path | None
) -> tuple[Tokens, str | None]:
    """Gather the tokens of one engine, and the secret that was made, if one was.

    BREAKOUT_TOKEN, when set, is an admin token for this run only. Without it and
    without a token on file, one is made; its hash goes to `path` (mode 0600) and
    the secret itself is returned once. Raises SecretError on a weak or empty
    variable and on a file that cannot be read.
    """
    tokens = Tokens(_load(path))
    given = environment.get(TOKEN_VARIABLE)
    if given is not None:
        tokens.add(given, Role.ADMIN, "environment")
        return tokens, None
    if tokens.records():
        return tokens, None
    made = secrets.token_urlsafe(32)
    tokens.add(made, Role.ADMIN, "first")
    if path is not None:
        save_tokens(tokens, path)
    return tokens, made


def save_tokens(tokens: Tokens, path: Path) -> None:
    """Write the hashes, readable by their owner only, whole or not at all."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(tokens.records()))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _load(path: Path | None) -> tuple[TokenRecord, ...]:
    if path is None or not path.exists():
        return ()
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[TokenRecord, ...])
    except msgspec.MsgspecError as error:
        msg = f"token file {path} cannot be read ({error}); remove it to make a new one"
        raise SecretError(msg) from error
