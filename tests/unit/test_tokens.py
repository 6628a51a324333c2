"""Tokens on file: made, shared with a running engine, expiring, revoked, bounded."""

import multiprocessing
import stat
from pathlib import Path

import msgspec
import pytest
import trio
from typer.testing import CliRunner

from actors.domain.messages import Role
from config.errors import SecretError
from control.cli import app
from control.door import token_file
from control.door.auth import TOKENS_MAX, Tokens
from control.door.token_file import (
    create_token,
    follow,
    keep_used,
    open_tokens,
    read_tokens,
    read_used,
    revoke_token,
)
from tests.engines import TestClock
from tests.unit.token_worker import make_tokens

NOW_MS = 1_700_000_000_000
runner = CliRunner()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def test_only_the_hash_and_the_dates_are_kept(path: Path) -> None:
    secret = create_token(path, "phone", Role.VIEWER, NOW_MS + 1, NOW_MS)
    assert len(secret) == 43  # 256 bits
    raw = path.read_bytes()
    assert secret.encode() not in raw
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (record,) = read_tokens(path)
    assert (record.id, record.role) == ("phone", Role.VIEWER)
    assert (record.created_ms, record.expires_ms) == (NOW_MS, NOW_MS + 1)


def test_a_running_engine_sees_what_another_process_changed(path: Path) -> None:
    tokens = Tokens(now_ms=lambda: NOW_MS)
    follow(tokens, path)
    secret = create_token(path, "phone", Role.VIEWER, None, NOW_MS)
    found = tokens.principal(secret.encode())
    assert found is not None
    assert found.id == "phone"
    revoke_token(path, "phone", NOW_MS)
    assert tokens.principal(secret.encode()) is None


def test_a_file_that_is_damaged_meanwhile_locks_nobody_out(path: Path) -> None:
    tokens = Tokens(now_ms=lambda: NOW_MS)
    follow(tokens, path)
    secret = create_token(path, "phone", Role.VIEWER, None, NOW_MS)
    assert tokens.principal(secret.encode()) is not None
    path.write_bytes(b"{")
    assert tokens.principal(secret.encode()) is not None
    with pytest.raises(SecretError, match=r"tokens\.json"):
        read_tokens(path)


def test_an_expired_token_opens_nothing(path: Path) -> None:
    clock = TestClock(NOW_MS)
    tokens = Tokens(now_ms=clock.now_ms)
    follow(tokens, path)
    secret = create_token(path, "phone", Role.VIEWER, NOW_MS + 10, NOW_MS).encode()
    assert tokens.principal(secret) is not None
    clock.moment_ms += 10
    assert tokens.principal(secret) is None
    assert tokens.principal_of("phone") is None


def test_the_last_admin_token_stays(path: Path) -> None:
    create_token(path, "boss", Role.ADMIN, None, NOW_MS)
    create_token(path, "old", Role.ADMIN, NOW_MS, NOW_MS - 5)
    with pytest.raises(SecretError, match="last admin"):
        revoke_token(path, "boss", NOW_MS)
    assert revoke_token(path, "old", NOW_MS) is Role.ADMIN  # it opens nothing anyway
    create_token(path, "second", Role.ADMIN, None, NOW_MS)
    assert revoke_token(path, "boss", NOW_MS) is Role.ADMIN


@pytest.mark.parametrize("token_id", ["", "A", "a b", "../x", "a" * 41, "-a"])
def test_an_id_that_is_no_name_is_refused(path: Path, token_id: str) -> None:
    with pytest.raises(SecretError, match=r"1\.\.40"):
        create_token(path, token_id, Role.VIEWER, None, NOW_MS)
    assert not path.exists()


def test_the_file_is_bounded(path: Path) -> None:
    for serial in range(TOKENS_MAX):
        create_token(path, f"t-{serial}", Role.VIEWER, None, NOW_MS)
    with pytest.raises(SecretError, match=str(TOKENS_MAX)):
        create_token(path, "one-too-many", Role.VIEWER, None, NOW_MS)
    with pytest.raises(SecretError, match="there already"):
        create_token(path, "t-1", Role.VIEWER, None, NOW_MS)


def test_processes_that_create_at_once_lose_none(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=make_tokens, args=(path, n, 8)) for n in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(read_tokens(path)) == 24


def test_a_file_without_a_standing_admin_gets_one_at_the_start(path: Path) -> None:
    create_token(path, "first", Role.ADMIN, NOW_MS, NOW_MS - 5)
    tokens, made = open_tokens({}, path)
    assert made is not None
    found = tokens.principal(made.encode())
    assert found is not None
    assert found.role is Role.ADMIN
    assert open_tokens({}, path)[1] is None


async def test_when_a_token_was_used_last_survives_a_restart(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_file, "USED_SECONDS", 0.01)
    tokens = Tokens(now_ms=lambda: NOW_MS + 7)
    follow(tokens, path)
    secret = create_token(path, "phone", Role.VIEWER, None, NOW_MS)
    kept = read_tokens(path)
    tokens.principal(secret.encode())
    assert tokens.last_used_ms("phone") == NOW_MS + 7
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_used, tokens, path)
        with trio.fail_after(10):
            while not read_used(path):  # noqa: ASYNC110 - a file tells nobody
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert read_tokens(path) == kept
    assert read_used(path) == {"phone": NOW_MS + 7}
    again = Tokens(now_ms=lambda: NOW_MS)
    follow(again, path)
    assert again.last_used_ms("phone") == NOW_MS + 7


def breakout(path: Path, *words: str) -> tuple[int, str]:
    done = runner.invoke(app, ["token", *words, "--data-dir", str(path.parent)])
    return done.exit_code, done.output


def test_the_command_line_makes_lists_and_revokes(path: Path) -> None:
    code, said = breakout(path, "create", "phone", "--role", "viewer", "--json")
    assert code == 0
    secret = msgspec.json.decode(said)["token"]
    assert secret.encode() not in path.read_bytes()
    tokens = Tokens()
    follow(tokens, path)
    assert tokens.principal(secret.encode()) is not None
    code, said = breakout(path, "list")
    assert code == 0
    assert "phone" in said
    assert secret not in said
    assert breakout(path, "revoke", "phone")[0] == 0
    assert tokens.principal(secret.encode()) is None
    code, said = breakout(path, "revoke", "phone")
    assert (code, "unknown" in said) == (2, True)


def test_the_command_line_refuses_what_it_cannot_do(path: Path) -> None:
    assert breakout(path, "create", "boss", "--role", "king")[0] == 2
    assert breakout(path, "create", "Boss!", "--role", "admin")[0] == 2
    assert breakout(path, "create", "boss", "--role", "admin", "--days", "0")[0] == 2
    assert breakout(path, "create", "boss", "--role", "admin")[0] == 0
    code, said = breakout(path, "revoke", "boss")
    assert (code, "last admin" in said) == (2, True)
