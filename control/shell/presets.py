"""`breakout presets`: look at the presets that ship with the engine, or at a file."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console

from config.errors import ConfigError
from config.load import dump_preset, load_preset, preset_names
from config.preset import Preset

FAILED = 1

presets = typer.Typer(
    help="Look at presets.", no_args_is_help=True, add_completion=False
)

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@presets.command("list")
def list_presets(*, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the presets that ship with the engine."""
    rows = {name: load_preset(name).description for name in preset_names()}
    if as_json:
        out.print(msgspec.json.encode(rows).decode(), markup=False)
        return
    for name, description in rows.items():
        out.print(f"{name:22} {description}", markup=False)


@presets.command()
def show(name: str) -> None:
    """Print a preset, every default filled in."""
    out.print(dump_preset(_loaded(name)).decode(), markup=False)


@presets.command()
def check(name: str) -> None:
    """Say whether a preset is sound and could ever fire."""
    loaded = _loaded(name)
    out.print(f"{loaded.name}: sound, and a market exists that makes it fire")


def _loaded(name: str) -> Preset:
    try:
        return load_preset(name)
    except ConfigError as error:
        err.print(f"refused: {error}", markup=False)
        raise typer.Exit(FAILED) from error
