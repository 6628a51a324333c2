"""`breakout notices`: see whether notices arrive, before they are needed.

Exit codes: 0 every channel took it, 1 one did not or there is none, 2 usage.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import msgspec
import trio
import typer
from rich.console import Console

from actors.domain.severity import Severity
from actors.runtime.clock import WallClock
from config.errors import ConfigError
from config.secrets import find_secret
from config.sources import load_settings
from control.notices.channels import Channel, open_channels
from control.notices.letter import Letter, Notice, write_letter

FAILED, USAGE = 1, 2

notices = typer.Typer(
    help="Try the notices.", no_args_is_help=True, add_completion=False
)

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@notices.callback()
def room() -> None:
    """Keep `test` a word of its own, also while it is the only one."""


@notices.command("test")
def try_all(
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
    severity: Annotated[
        Severity, typer.Option(help="How bad the notice says that it is.")
    ] = Severity.INFO,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send one notice through every channel, whatever its least severity."""
    try:
        settings = load_settings(config, os.environ)
        given = settings.notices
        urls = find_secret("notices_urls", os.environ, given.urls_file)
        channels = open_channels(given, urls)
    except ConfigError as error:
        err.print(f"refused: {error}", markup=False)
        raise typer.Exit(USAGE) from error
    if not channels:
        why = "notices.schemes is empty" if urls else "no notices_urls are given"
        err.print(f"no channel: {why}; see docs/deploy/README.md", markup=False)
        raise typer.Exit(FAILED)
    now_ms = WallClock().now_ms()
    notice = Notice(severity, "this is a test; no engine is in trouble", now_ms)
    letter = write_letter(f"breakout {settings.engine.engine_id}", [notice])
    taken = trio.run(_sent, channels, letter, given.send_seconds_max)
    if as_json:
        out.print(msgspec.json.encode(taken).decode(), markup=False)
    else:
        for tag, word in taken.items():
            out.print(f"{tag:20} {word}", markup=False)
    raise typer.Exit(0 if set(taken.values()) == {"sent"} else FAILED)


async def _sent(
    channels: tuple[Channel, ...], letter: Letter, seconds_max: float
) -> dict[str, str]:
    """Send to all at once; say what became of each."""
    taken = {channel.tag: f"no answer in {seconds_max:g} s" for channel in channels}

    async def send(tag: str, deliver: Callable[[Letter], Awaitable[bool]]) -> None:
        with trio.move_on_after(seconds_max):
            taken[tag] = "sent" if await deliver(letter) else "not taken"

    async with trio.open_nursery() as nursery:
        for channel in channels:
            nursery.start_soon(send, channel.tag, channel.deliver)
    return taken
