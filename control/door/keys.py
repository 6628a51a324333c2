"""The keys of a running engine: tokens made and withdrawn while it serves."""

import secrets
from functools import partial
from pathlib import Path

import trio

from actors.domain.messages import Role
from config.errors import SecretError
from control.door.auth import TOKEN_VARIABLE, Tokens
from control.door.token_file import create_token, has_admin, revoke_token


class Keys:
    """Makes and withdraws tokens; `path` None: they live as long as the run."""

    def __init__(self, tokens: Tokens, path: Path | None = None) -> None:
        self._tokens = tokens
        self._path = path

    async def create(self, token_id: str, role: Role, expires_ms: int | None) -> str:
        """Make a token and return its secret, this once; raises SecretError."""
        if token_id in {record.id for record in self._tokens.records()}:
            msg = f"token {token_id!r} is there already: revoke it, or name another"
            raise SecretError(msg)
        now_ms = self._tokens.now_ms()
        if self._path is None:
            secret = secrets.token_urlsafe(32)
            self._tokens.add(secret, role, token_id, expires_ms)
            return secret
        make = partial(create_token, self._path, token_id, role, expires_ms, now_ms)
        return await trio.to_thread.run_sync(make)

    async def withdraw(self, token_id: str) -> Role:
        """Revoke a token and return what it was; raises SecretError."""
        records, now_ms = self._tokens.records(), self._tokens.now_ms()
        left = tuple(record for record in records if record.id != token_id)
        others = has_admin(left, now_ms)
        if self._path is not None and not self._tokens.is_of_this_run(token_id):
            take = partial(
                revoke_token, self._path, token_id, now_ms, other_admin=others
            )
            return await trio.to_thread.run_sync(take)
        (record,) = (record for record in records if record.id == token_id)
        if self._path is not None:
            msg = (
                f"token {token_id!r} is of this run: it came with {TOKEN_VARIABLE}; "
                "start again without it"
            )
            raise SecretError(msg)
        if has_admin((record,), now_ms) and not others:
            msg = f"token {token_id!r} is the last admin token; create one first"
            raise SecretError(msg)
        self._tokens.revoke(token_id)
        return record.role
