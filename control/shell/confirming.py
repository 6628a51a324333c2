"""The word that live mode asks for before anything else is done."""

import sys

import typer
from rich.console import Console

from actors.domain.live import LIVE
from config.errors import SettingsError
from config.live import LiveGroup
from config.settings import Settings
from control.shell.options import RunOptions
from control.shell.ways import REAL


def sentence(settings: Settings) -> str:
    """What has to be typed before anything is traded."""
    exchange = settings.market.spec.removeprefix(REAL)
    return f"trade real money on {exchange}"


def confirmed(options: RunOptions, typed: str, say: Console) -> RunOptions:
    """Have a person type the sentence, or take it from the option; paper needs none.

    Raises SettingsError: it is another one, nobody can be asked, or live mode lacks
    what it needs.
    """
    settings = options.settings
    if options.mode != LIVE:
        return options
    if not settings.market.spec.startswith(REAL):
        msg = f"--mode live trades on exchange:ID, not on {settings.market.spec}"
        raise SettingsError(msg)
    if not allowed(settings.live):
        msg = "live.symbols is empty: name the symbols that may be traded, A,B,C"
        raise SettingsError(msg)
    wanted = sentence(settings)
    if not typed and sys.stdin.isatty():
        say.print(f"This trades real money: {', '.join(allowed(settings.live))}")
        typed = typer.prompt(f'Type "{wanted}" to go on', default="", err=True)
    if typed.strip() != wanted:
        msg = f'live mode was not confirmed: type or give --confirm "{wanted}"'
        raise SettingsError(msg)
    return options


def allowed(live: LiveGroup) -> tuple[str, ...]:
    """The symbols that may be entered."""
    names = (name.strip() for name in live.symbols.split(","))
    return tuple(dict.fromkeys(name for name in names if name))
