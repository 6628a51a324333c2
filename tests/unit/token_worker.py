"""Makes tokens from a process of its own."""

from pathlib import Path

from actors.domain.messages import Role
from control.door.token_file import create_token


def make_tokens(path: Path, name: str, count: int) -> None:
    for serial in range(count):
        create_token(path, f"{name}-{serial}", Role.VIEWER, None, 1)
