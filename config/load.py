"""Reads presets: shipped ones by name, a person's own by the path of a .json file."""

import re
from enum import Enum
from importlib import resources
from inspect import isclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from config.checks import contradictions
from config.errors import PresetError
from config.never import why_never
from config.preset import Preset

_SHIPPED = resources.files("config") / "presets"
_BYTES_MAX = 1_048_576
#: What a preset may be called; nothing else may become part of a path.
NAME_PATTERN = re.compile(r"[a-z0-9_]{3,40}")
#: How an error names a field of the object that its path leads to.
_NAMED_FIELD = re.compile(r"(?:Object [a-z ]*field )?`(?P<field>[a-z0-9_]+)`")
_encoder = msgspec.json.Encoder(decimal_format="number")


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a preset; `path` names the field, empty: none."""

    path: str
    message: str


def preset_names() -> tuple[str, ...]:
    """List the shipped presets, sorted."""
    files = (entry.name for entry in _SHIPPED.iterdir())
    return tuple(sorted(n.removesuffix(".json") for n in files if n.endswith(".json")))


def load_preset(name_or_path: str) -> Preset:
    """Load a shipped preset by name, or any preset by the path of its .json file.

    Raises PresetError for an unknown name, an unreadable file, and whatever
    `parse_preset` refuses.
    """
    if name_or_path.endswith(".json"):
        return parse_preset(read_preset(Path(name_or_path)), name_or_path)
    if name_or_path not in preset_names():
        msg = (
            f"there is no preset {name_or_path!r}; choose one of "
            f"{', '.join(preset_names())}, or give the path of a .json file"
        )
        raise PresetError(msg)
    return parse_preset(shipped_text(name_or_path), name_or_path)


def shipped_text(name: str) -> bytes:
    """Give the text of a shipped preset."""
    return (_SHIPPED / f"{name}.json").read_bytes()


def parse_preset(raw: bytes, source: str) -> Preset:
    """Decode a preset and check it; `source` names it in errors.

    Raises PresetError for malformed JSON, unknown or missing fields, values out of
    bounds, contradicting fields, and numbers with which it could never fire.
    """
    try:
        preset = msgspec.json.decode(raw, type=Preset)
    except msgspec.ValidationError as error:
        _, text = _located(error, _whole(raw))
        msg = f"preset {source}: {text}"
        raise PresetError(msg) from error
    except msgspec.DecodeError as error:
        msg = f"preset {source} is not JSON: {error}; correct it there"
        raise PresetError(msg) from error
    found = (*contradictions(preset), *why_never(preset))
    if found:
        raise PresetError("\n  ".join((f"preset {source} cannot be used:", *found)))
    return preset


def problems_of(raw: bytes) -> tuple[Problem, ...]:
    """Say all that is wrong with a preset, each with its path; nothing: it is sound."""
    if len(raw) > _BYTES_MAX:
        text = f"it has {len(raw)} bytes, the limit is {_BYTES_MAX}; a preset is small"
        return (Problem("", text),)
    try:
        preset = msgspec.json.decode(raw, type=Preset)
    except msgspec.ValidationError as error:
        return (Problem(*_located(error, _whole(raw))),)
    except msgspec.DecodeError as error:
        return (Problem("", f"not JSON: {error}; correct it there"),)
    found = (*contradictions(preset), *why_never(preset))
    return tuple(Problem(_subject(text), text) for text in found)


def _subject(text: str) -> str:
    """Find the field that a finding begins with; empty: the preset as a whole."""
    name, _, _ = text.partition(" ")
    return name if name.partition(".")[0] in Preset.__struct_fields__ else ""


def dump_preset(preset: Preset) -> bytes:
    """Write a preset as indented JSON that `parse_preset` reads back equal."""
    return msgspec.json.format(_encoder.encode(preset), indent=2) + b"\n"


def read_preset(path: Path) -> bytes:
    """Read a preset's file; PresetError: it cannot be, or is no preset's size."""
    try:
        with path.open("rb") as file:
            raw = file.read(_BYTES_MAX + 1)
    except OSError as error:
        msg = f"preset {path} cannot be read: {error.strerror}; check the path"
        raise PresetError(msg) from error
    if len(raw) > _BYTES_MAX:
        msg = f"preset {path} has more than {_BYTES_MAX} bytes; a preset is a few KiB"
        raise PresetError(msg)
    return raw


def _whole(raw: bytes) -> Any:
    """Read what is wrong as it is written; nothing: further on it is no JSON."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return []


def _located(error: msgspec.ValidationError, whole: Any) -> tuple[str, str]:
    """Say where; then where, which value, which limit and what to do."""
    text = str(error)
    match = re.search(r"^(.*?)(?: - at (?:`key` in )?`\$\.?(.*)`)?$", text)
    assert match is not None, "the pattern matches any line"
    problem, path = match.group(1), match.group(2) or ""
    named = _NAMED_FIELD.match(problem)
    whose = path if named is None else f"{path}.{named['field']}".removeprefix(".")
    if "unknown field" in problem:
        text = f"{problem} at {path or 'the top'}; check its spelling, or remove it"
        return whose, text
    found = _at(whole, path)
    shown = "" if isinstance(found, dict | list) else f" (it is {found!r})"
    remedy = "correct it"
    if problem.startswith("Invalid enum value"):
        remedy = f"choose one of {', '.join(_choices(path))}"
    return whose, f"{path or 'the top'}{shown}: {problem}; {remedy}"


def _at(whole: Any, path: str) -> Any:
    """Find the value at a msgspec path, such as `risk.tp_levels[0].size`."""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if isinstance(whole, list) and index:
            whole = whole[int(index)]
        elif isinstance(whole, dict):
            whole = whole.get(name)
    return whole


def _choices(path: str) -> list[str]:
    """List what the field at a msgspec path may be, from its annotation."""
    hint: Any = Preset
    for name in re.findall(r"[a-z][a-z0-9_]*", path):
        hint = get_type_hints(hint)[name]
    kinds = [kind for kind in (hint, *get_args(hint)) if isclass(kind)]
    return [str(member) for kind in kinds if issubclass(kind, Enum) for member in kind]
