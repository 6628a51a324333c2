"""The only room that ever holds a secret: where it comes from, and that it stays in.

A secret is looked for in three places, and the first that has it counts: a variable of
the environment, a file that the settings name, and the folder that systemd's
`LoadCredential=` fills. Never the command line, which every user of a machine can read,
and never the settings file, which people copy and commit.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from config.errors import SecretError

BYTES_MAX = 65_536
CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"  # systemd's name for its folder
#: What is looked for; `notices_urls` is BREAKOUT_NOTICES_URLS in the environment.
SECRETS = (
    *("token", "notices_urls", "heartbeat_url"),
    *("exchange_key", "exchange_secret", "exchange_password"),
)
#: A container engine mounts secrets here, readable by all who are in the container.
MOUNTED = Path("/run/secrets")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Secret:
    """A text that no log line, message or traceback ever shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself; whoever asks keeps it from being written."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> str:
        msg = "a secret is not copied to where it could be written"
        raise TypeError(msg)


def variable_of(name: str) -> str:
    """Name the environment variable of a secret."""
    return f"BREAKOUT_{name.upper()}"


SECRET_VARIABLES = frozenset(variable_of(name) for name in SECRETS)


def find_secret(
    name: str, environment: Mapping[str, str], path: str = ""
) -> Secret | None:
    """Return a secret; None: it is nowhere.

    Raises SecretError for one that is empty, a file that cannot be read, and a file
    that others can read as well.
    """
    assert name in SECRETS, f"{name} is no secret of ours"
    variable = variable_of(name)
    if variable in environment:
        return _filled(environment[variable], f"environment variable {variable}")
    if path:
        return _from_file(Path(path), guarded=Path(path).parent != MOUNTED)
    folder = environment.get(CREDENTIALS_VARIABLE)
    if folder and (Path(folder) / name).exists():
        # systemd grants access by an ACL, which shows as bits of the group.
        return _from_file(Path(folder) / name, guarded=False)
    return None


def _from_file(path: Path, *, guarded: bool) -> Secret:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read(BYTES_MAX + 1)
    except OSError as error:
        msg = f"secret file {path} cannot be read: {error.strerror}; check the path"
        raise SecretError(msg) from error
    if guarded and mode & _OTHERS:
        msg = (
            f"secret file {path} has mode {mode:04o}: others can use it too; "
            f"chmod 600 {path}"
        )
        raise SecretError(msg)
    if len(raw) > BYTES_MAX:
        msg = f"secret file {path} has over {BYTES_MAX} bytes; a secret is a few lines"
        raise SecretError(msg)
    try:
        return _filled(raw.decode(), f"secret file {path}")
    except UnicodeDecodeError as error:
        msg = f"secret file {path} is not UTF-8 at byte {error.start}; write it anew"
        # Not chained: the decoder's error carries the file's bytes.
        raise SecretError(msg) from None


def _filled(text: str, source: str) -> Secret:
    if not text.strip():
        msg = f"{source} is empty; fill it or remove it"
        raise SecretError(msg)
    return Secret(text.strip())
