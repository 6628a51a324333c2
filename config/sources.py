"""Where settings come from: defaults < TOML file < environment < command line.

Each source names knobs as group and field: `[control] port = 8001` in the file,
`BREAKOUT_CONTROL_PORT=8001` in the environment, `{"control.port": 8001}` from the
command line. A name that nobody knows is an error wherever it stands.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from config.errors import SettingsError
from config.secrets import SECRET_VARIABLES
from config.settings import Settings

PREFIX = "BREAKOUT_"
#: Read by others: secrets by who needs them, the rest by tests.
RESERVED = SECRET_VARIABLES | {"BREAKOUT_SHARED_DATA", "BREAKOUT_FUZZ_INPUTS"}
_BYTES_MAX = 1_048_576
_ORDERED = (
    ("paper.half_spread_bps_min", "paper.half_spread_bps_max"),
    ("control.per_address_max", "control.connections_max"),
    ("supervision.backoff_first_seconds", "supervision.backoff_max_seconds"),
    ("clock.warn_ms", "clock.refuse_ms"),
    ("clock.refuse_ms", "clock.halt_ms"),
    ("feed.entries_ms_max", "feed.stale_ms_max"),
    ("feed.stale_ms_max", "feed.reconnect_ms_max"),
    ("control.ping_seconds", "control.read_timeout_seconds"),
)

Layer = dict[str, dict[str, Any]]


def load_settings(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Put the settings together; a later source wins over an earlier one.

    `environment` is usually `os.environ`; `overrides` are what the command line gave,
    by "group.field". Raises SettingsError for an unreadable file, an unknown name and
    a value out of its bounds, naming the source.
    """
    layers = (
        (f"file {path}", {} if path is None else _from_file(path)),
        ("environment", _from_environment(environment or {})),
        ("command line", _from_overrides(overrides or {})),
    )
    merged: Layer = {}
    for source, layer in layers:
        for group, fields in layer.items():
            merged[group] = merged.get(group, {}) | fields
        # Decoded after each source, so that an error names the source it came with.
        settings = _decode(merged, source)
    return settings


def _decode(merged: Layer, source: str) -> Settings:
    """Give a merge its types and check it."""
    try:
        # Not strict: "8000" from the environment is a number.
        settings = msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        msg = (
            f"settings from {source}: {error}{_given(merged, str(error))}; "
            "see config/settings.py for its bounds"
        )
        raise SettingsError(msg) from error
    for lower, upper in _ORDERED:
        low, high = _value(settings, lower), _value(settings, upper)
        if low > high:
            msg = (
                f"settings from {source}: {lower} is {low}; it must not exceed "
                f"{upper}, {high}; lower the one or raise the other"
            )
            raise SettingsError(msg)
    return settings


def _given(merged: Layer, refusal: str) -> str:
    """Tell the value that msgspec leaves out; its words end with the place."""
    found = re.search(r"`\$\.(\w+)\.(\w+)`$", refusal)
    if found is None:
        return ""
    return f", given {merged[found[1]][found[2]]!r}"


def _value(settings: Settings, name: str) -> Any:
    group, field = name.split(".")
    return getattr(getattr(settings, group), field)


def _from_file(path: Path) -> Layer:
    try:
        with path.open("rb") as file:
            raw = file.read(_BYTES_MAX + 1)
        if len(raw) > _BYTES_MAX:
            msg = f"settings file {path} has over {_BYTES_MAX} bytes; make it smaller"
            raise SettingsError(msg)
        read = tomllib.loads(raw.decode())
    except OSError as error:
        msg = f"settings file {path} cannot be read: {error.strerror}; check the path"
        raise SettingsError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"settings file {path} is not TOML: {error}; correct it there"
        raise SettingsError(msg) from error
    for group, fields in read.items():
        if not isinstance(fields, dict):
            msg = (
                f"settings file {path}: {group} = {fields!r} stands outside any group; "
                f"put it under one of {_groups()}"
            )
            raise SettingsError(msg)
    return read


def _from_environment(environment: Mapping[str, str]) -> Layer:
    layer: Layer = {}
    for variable, value in sorted(environment.items()):
        if variable.startswith(PREFIX) and variable not in RESERVED:
            group, _, field = variable.removeprefix(PREFIX).lower().partition("_")
            _put(layer, group, field, value, f"environment variable {variable}")
    return layer


def _from_overrides(overrides: Mapping[str, object]) -> Layer:
    layer: Layer = {}
    for name, value in overrides.items():
        group, _, field = name.partition(".")
        _put(layer, group, field, value, f"command line setting {name}")
    return layer


def _put(layer: Layer, group: str, field: str, value: object, source: str) -> None:
    """Add one knob to a layer; an unknown name is refused with its source."""
    known = Settings.__struct_fields__
    if group not in known:
        msg = f"{source}: there is no group {group!r}; the groups are {_groups()}"
        raise SettingsError(msg)
    fields = type(getattr(Settings(), group)).__struct_fields__
    if field not in fields:
        msg = f"{source}: {group} has no setting {field!r}; it has {', '.join(fields)}"
        raise SettingsError(msg)
    layer.setdefault(group, {})[field] = value


def _groups() -> str:
    return ", ".join(Settings.__struct_fields__)
