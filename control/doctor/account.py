"""Looks at what the engine keeps: its journal, and who is using it."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import trio

from actors.domain.errors import JournalError
from actors.journal import JOURNAL_NAME, Verification, open_reader
from control.doctor.finding import Finding, Patient, bad, ok, warn
from control.door.auth import SECRET_LENGTH_MIN, TOKEN_VARIABLE

TOKENS = "tokens.json"
JOURNAL_MB_MAX = 1_024  # two months of 300 symbols at one-minute bars


def journal(patient: Patient) -> Iterator[Finding]:
    """Whether the journal is whole; it works beside a running engine."""
    path = Path(patient.settings.engine.data_dir) / JOURNAL_NAME
    if not path.exists():
        yield ok("journal", f"none yet at {path}: the first run begins one")
        return
    remedy = f"look at `breakout audit verify --journal {path}`; restore a whole copy"
    try:
        found = trio.run(_verified, path)
    except JournalError as error:
        yield bad("journal", f"cannot be read: {error}", remedy)
        return
    size = path.stat().st_size // 2**20
    if found.problem is not None:
        yield bad("journal", f"not sound: {found.problem}", remedy)
    elif size > JOURNAL_MB_MAX:
        remedy = "stop the engine, then `breakout audit compact`: no money row is moved"
        yield warn("journal", f"sound, {found.rows} rows, {size} MB", remedy)
    else:
        yield ok("journal", f"sound, {found.rows} rows, {size} MB")


async def _verified(path: Path) -> Verification:
    async with open_reader(path) as reader:
        return await reader.verify()


def tokens(patient: Patient) -> Iterator[Finding]:
    """Whether people can sign in, and only they; nothing is made or changed."""
    given = patient.environment.get(TOKEN_VARIABLE)
    if given is not None and len(given) < SECRET_LENGTH_MIN:
        found = f"{TOKEN_VARIABLE} has {len(given)} characters of {SECRET_LENGTH_MIN}"
        yield bad("token", found, "make a longer one, or unset it")
    path = Path(patient.settings.engine.data_dir) / TOKENS
    if not path.exists():
        yield ok("tokens", "none kept: without one the first run makes one")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield bad("tokens", f"{path} has mode {mode:04o}", f"chmod 600 {path}")
        return
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])
    except (OSError, msgspec.MsgspecError) as error:
        remedy = f"remove {path}; the next run makes a new token"
        yield bad("tokens", f"{path} cannot be read: {error}", remedy)
        return
    yield ok("tokens", f"{path}: {len(kept)} kept, as hashes, mode {mode:04o}")
