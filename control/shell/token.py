"""`breakout token`: make, list and revoke the tokens that open an engine.

It changes the token file of a data folder; an engine that runs on it sees the change
at its next look. Exit codes: 0 done, 2 usage.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from actors.domain.messages import Role
from actors.runtime.clock import WallClock
from config.errors import SecretError
from config.settings import EngineGroup
from control.door.auth import TokenRecord
from control.door.token_file import (
    create_token,
    read_tokens,
    read_used,
    revoke_token,
)
from control.wire import iso
from control.wire.answers import TokenMade, TokenRow

USAGE = 2
DAY_MS = 86_400_000
FILE_NAME = "tokens.json"
DATA_DIR = EngineGroup().data_dir

token = typer.Typer(
    help="Make, list and revoke the tokens that open an engine.",
    no_args_is_help=True,
    add_completion=False,
)

DataDir = Annotated[str, typer.Option(help="Where the engine keeps its token hashes.")]
TokenId = Annotated[str, typer.Argument(help="Its name: a-z, 0-9 and -.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Days = Annotated[
    int | None, typer.Option(min=1, max=3650, help="It ends after so many days.")
]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@token.command()
def create(
    token_id: TokenId,
    role: Annotated[Role, typer.Option(help="What it may do.")],
    days: Days = None,
    data_dir: DataDir = DATA_DIR,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a token; its secret is printed this once and kept nowhere."""
    now_ms = WallClock().now_ms()
    expires_ms = None if days is None else now_ms + days * DAY_MS
    try:
        secret = create_token(_file(data_dir), token_id, role, expires_ms, now_ms)
    except SecretError as error:
        raise _refused(error) from error
    if as_json:
        _print_json(TokenMade(token_id, role, secret, expires_ms))
    else:
        out.print(secret, markup=False)
        end = (
            "until it is revoked" if expires_ms is None else f"until {iso(expires_ms)}"
        )
        err.print(f"{token_id}: {role}, {end}; shown once, keep it", markup=False)


@token.command("list")
def list_tokens(data_dir: DataDir = DATA_DIR, *, as_json: AsJson = False) -> None:
    """List the tokens on file: role, made, ends, last used. No secret is kept."""
    path = _file(data_dir)
    try:
        records = read_tokens(path)
    except SecretError as error:
        raise _refused(error) from error
    used = read_used(path)
    now_ms = WallClock().now_ms()
    if as_json:
        _print_json([_row(record, used) for record in records])
        return
    for record in records:
        state = "" if record.stands(now_ms) else "  expired"
        line = (
            f"{record.id:<24}{record.role:<10}made {_day(record.created_ms)}  "
            f"ends {_day(record.expires_ms)}  last used {_day(used.get(record.id))}"
        )
        out.print(f"{line}{state}", markup=False)


@token.command()
def revoke(
    token_id: TokenId, data_dir: DataDir = DATA_DIR, *, as_json: AsJson = False
) -> None:
    """Revoke a token and its sessions, also of a running engine; not the last admin."""
    try:
        role = revoke_token(_file(data_dir), token_id, WallClock().now_ms())
    except SecretError as error:
        raise _refused(error) from error
    if as_json:
        _print_json({"id": token_id, "role": role})
    else:
        out.print(f"{token_id} opens nothing any more", markup=False)


def _file(data_dir: str) -> Path:
    return Path(data_dir) / FILE_NAME


def _row(record: TokenRecord, used: dict[str, int]) -> TokenRow:
    return TokenRow(
        record.id,
        record.role,
        record.created_ms,
        record.expires_ms,
        used.get(record.id),
    )


def _day(ms: int | None) -> str:
    if ms is None:
        return "-"
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"


def _refused(error: SecretError) -> typer.Exit:
    err.print(f"refused: {error}", markup=False)
    return typer.Exit(USAGE)


def _print_json(value: object) -> None:
    out.print(msgspec.json.encode(value).decode(), markup=False)
