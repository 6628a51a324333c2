"""The token file: hashes, roles and dates, changed by whoever has the lock.

A running engine and `breakout token` share it. Each change is made under a lock, on
what the file says at that moment, and replaces the file as a whole; the engine sees
it at its next look. When a token was last used is kept beside it, once a minute.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import structlog
import trio

from actors.domain.messages import Role
from config.errors import SecretError
from control.door.auth import (
    TOKEN_VARIABLE,
    TokenRecord,
    Tokens,
    require_room,
    sealed,
)

ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
USED_SECONDS = 60.0
FILE_BYTES_MAX = 65_536

Records = tuple[TokenRecord, ...]

log = structlog.get_logger(component="control")


def open_tokens(
    environment: Mapping[str, str], path: Path | None
) -> tuple[Tokens, str | None]:
    """Gather the tokens of one engine, and the secret that was made, if one was.

    BREAKOUT_TOKEN, when set, is an admin token for this run only. Without it and
    without an admin token that stands on file, one is made; its hash goes to `path`
    (mode 0600) and the secret itself is returned once. Raises SecretError on a weak
    or empty variable and on a file that cannot be read.
    """
    tokens = Tokens()
    if path is not None:
        follow(tokens, path)
    given = environment.get(TOKEN_VARIABLE)
    if given is not None:
        tokens.add(given, Role.ADMIN, "environment")
        return tokens, None
    now_ms, records = tokens.now_ms(), tokens.records()
    if has_admin(records, now_ms):
        return tokens, None
    free = {"first", f"admin-{now_ms}"} - {record.id for record in records}
    if path is not None:
        return tokens, create_token(path, max(free), Role.ADMIN, None, now_ms)
    made = secrets.token_urlsafe(32)
    tokens.add(made, Role.ADMIN, "first")
    return tokens, made


def follow(tokens: Tokens, path: Path) -> None:
    """Read the file, and again whenever it is another one; raises SecretError."""
    seen = _look(path)
    tokens.replace(read_tokens(path))
    tokens.used_ms = read_used(path)

    def refresh() -> None:
        nonlocal seen
        now = _look(path)
        if now == seen:
            return
        seen = now
        try:
            tokens.replace(read_tokens(path))
        except SecretError as error:
            # Who could come in still can: a damaged file must lock nobody out.
            log.exception("token_file_unreadable", problem=str(error))

    tokens.refresh = refresh


def create_token(
    path: Path, token_id: str, role: Role, expires_ms: int | None, now_ms: int
) -> str:
    """Put a new token on file and return its secret; raises SecretError."""
    if ID_PATTERN.fullmatch(token_id) is None:
        msg = f"token id {token_id!r} must be 1..40 characters of a-z, 0-9 and -"
        raise SecretError(msg)
    secret = secrets.token_urlsafe(32)

    def change(records: Records) -> Records:
        if any(record.id == token_id for record in records):
            msg = f"token {token_id!r} is there already: revoke it, or name another"
            raise SecretError(msg)
        require_room(len(records), repr(token_id))
        return (*records, sealed(secret, role, token_id, now_ms, expires_ms))

    change_tokens(path, change)
    return secret


def revoke_token(
    path: Path, token_id: str, now_ms: int, *, other_admin: bool = False
) -> Role:
    """Take a token off the file and return its role; raises SecretError.

    The last admin token stays, unless `other_admin` says that one is elsewhere.
    """
    role: list[Role] = []

    def change(records: Records) -> Records:
        left = tuple(record for record in records if record.id != token_id)
        gone = tuple(record for record in records if record.id == token_id)
        if not gone:
            known = ", ".join(record.id for record in records) or "none"
            msg = f"token {token_id!r} is unknown; on file: {known}"
            raise SecretError(msg)
        role.append(gone[0].role)
        if has_admin(gone, now_ms) and not (other_admin or has_admin(left, now_ms)):
            msg = (
                f"token {token_id!r} is the last admin token: nobody could make "
                "another; create one first, then revoke this one"
            )
            raise SecretError(msg)
        return left

    change_tokens(path, change)
    return role[0]


def has_admin(records: Records, now_ms: int) -> bool:
    """Whether an admin token stands."""
    return any(r.role is Role.ADMIN and r.stands(now_ms) for r in records)


def change_tokens(path: Path, change: Callable[[Records], Records]) -> None:
    """Change the file under its lock; raises SecretError and then changes nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        _replace(path, msgspec.json.encode(change(read_tokens(path))))


def save_tokens(tokens: Tokens, path: Path) -> None:
    """Write the hashes, readable by their owner only, whole or not at all."""
    records = tokens.records()
    change_tokens(path, lambda _: records)


def read_tokens(path: Path) -> Records:
    """Read the file; no file is no token. Raises SecretError when it is damaged."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX)
        return msgspec.json.decode(raw, type=Records)
    except FileNotFoundError:
        return ()
    except (msgspec.MsgspecError, OSError, UnicodeDecodeError) as error:
        msg = f"token file {path} cannot be read ({error}); remove it to make a new one"
        raise SecretError(msg) from error


def read_used(path: Path) -> dict[str, int]:
    """Read when each token was last used; what cannot be read is not known."""
    with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.json.decode(_used(path).read_bytes(), type=dict[str, int])
    return {}


async def keep_used(tokens: Tokens, path: Path) -> None:
    """Write for ever, once a minute at most, when tokens were last used."""
    written = await trio.to_thread.run_sync(read_used, path)
    while True:
        await trio.sleep(USED_SECONDS)
        if tokens.used_ms != written:
            written = dict(tokens.used_ms)
            raw = msgspec.json.encode(written)
            await trio.to_thread.run_sync(_replace, _used(path), raw)


def _used(path: Path) -> Path:
    return path.with_suffix(".used.json")


def _look(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(path: Path, raw: bytes) -> None:
    fresh = path.with_suffix(f".{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
