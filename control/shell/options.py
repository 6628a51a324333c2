"""From the command line's words to what one run is made of."""

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from actors.domain.live import LIVE, MODES
from actors.journal import JOURNAL_NAME
from config.errors import SettingsError
from config.settings import Settings
from config.sources import load_settings

UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

#: Which option sets which setting; it wins over file and environment when given.
SETTING_OF = {
    "market": "market.spec",
    "symbols": "market.symbols",
    "speed": "market.speed",
    "host": "control.host",
    "port": "control.port",
    "data_dir": "engine.data_dir",
    "seed": "engine.seed",
    "tls_certificate": "control.tls_certificate",
    "tls_key": "control.tls_key",
    "insecure_public": "control.insecure_public",
}


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asked of one run."""

    settings: Settings
    preset: str
    strategy: str
    mode: str
    symbols: int | tuple[str, ...] | None
    speed: float  # infinity: as fast as it goes
    duration_ms: int | None  # of market time
    data_dir: Path | None  # None: keep nothing
    fresh: bool  # begin a new paper account
    start: bool
    exit_at_end: bool
    report: Path | None

    @property
    def journal_path(self) -> Path | None:
        """Where the journal is kept; None: in memory."""
        return None if self.data_dir is None else self.data_dir / JOURNAL_NAME


def run_options(given: Mapping[str, Any], explicit: frozenset[str]) -> RunOptions:
    """Join the options with the settings of file and environment.

    `explicit` names the options that were really given: a default of the command line
    never hides what a file or the environment says. Raises SettingsError.
    """
    overrides = {
        setting: given[option]
        for option, setting in SETTING_OF.items()
        if option in explicit
    }
    settings = load_settings(given["config"], os.environ, overrides)
    return RunOptions(
        settings=settings,
        preset=given["preset"],
        strategy=given["strategy"],
        mode=_mode(given["mode"], fresh=given["fresh"]),
        symbols=wanted_symbols(settings.market.symbols),
        speed=wanted_speed(settings.market.speed),
        duration_ms=wanted_duration_ms(given["duration"]),
        data_dir=_data_dir(settings, given, explicit),
        fresh=given["fresh"],
        start=given["start"],
        exit_at_end=given["exit_at_end"],
        report=given["report"],
    )


def wanted_symbols(text: str) -> int | tuple[str, ...] | None:
    """Read `12` as a count and `A,B` as names; empty: all of a recording."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    return tuple(name.strip() for name in text.split(",") if name.strip())


def wanted_speed(text: str) -> float:
    """Read a speed: market seconds in a second, or max."""
    return math.inf if text == "max" else float(text)


def wanted_duration_ms(text: str) -> int | None:
    """Read a market time such as 24h; empty: no end."""
    if not text:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None:
        msg = f"--for is {text!r}; give a number and a unit: 90m, 24h, 7d"
        raise SettingsError(msg)
    return int(float(found[1]) * UNITS_MS[found[2]])


def _mode(mode: str, *, fresh: bool) -> str:
    if mode not in MODES:
        msg = f"--mode is {mode!r}; allowed: {', '.join(MODES)}"
        raise SettingsError(msg)
    if mode == LIVE and fresh:
        msg = "--fresh begins a new paper account; a real one goes on as it is"
        raise SettingsError(msg)
    return mode


def _data_dir(
    settings: Settings, given: Mapping[str, Any], explicit: frozenset[str]
) -> Path | None:
    """Keep the journal, except for a run to the end that named no place for it.

    Real money is kept apart, and always: its journal knows what stands at the exchange.
    """
    folder = Path(settings.engine.data_dir)
    if given["mode"] == LIVE:
        return folder / f"live-{settings.market.spec.partition(':')[2]}"
    if given["exit_at_end"] and "data_dir" not in explicit:
        return None
    return folder
