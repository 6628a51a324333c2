"""The shelf of presets: those that ship, and a person's own, each version of them.

A person's own preset is a file `NAME.VERSION.json` in one folder. A version is written
once and never changed; the newest counts. A preset that ships can be edited too: its
own versions then stand before the shipped one, which is version 0 and stays.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

import msgspec

from config.errors import PresetError
from config.load import dump_preset, load_preset, parse_preset, preset_names
from config.preset import Preset

OWN_MAX = 64
VERSIONS_MAX = 50  # of one preset; the oldest is forgotten
SHIPPED, OWN = "shipped", "own"
_FILE = re.compile(r"([a-z0-9_]{3,40})\.([1-9][0-9]{0,8})\.json")


class StaleVersion(PresetError):
    """Somebody saved a newer version than the one that was edited."""


class Shelved(msgspec.Struct, frozen=True):
    """A preset as it stands on the shelf."""

    name: str
    version: int
    origin: str
    preset: Preset


class Shelf:
    """Presets by name; `folder` None: only those that ship."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """List all presets, sorted."""
        return tuple(sorted({*preset_names(), *self._own()}))

    def versions(self, name: str) -> tuple[int, ...]:
        """List the versions of a preset that are kept, oldest first."""
        shipped = (0,) if name in preset_names() else ()
        return (*shipped, *self._own().get(name, ()))

    def newest(self, name: str) -> Shelved:
        """Return the version that counts; raises PresetError for an unknown name."""
        own = self._own().get(name)
        if own is None or self._folder is None:
            return Shelved(name, 0, SHIPPED, self._shipped(name))
        path = self._path(self._folder, name, own[-1])
        return Shelved(name, own[-1], OWN, load_preset(str(path)))

    def load(self, name_or_path: str) -> Preset:
        """Load a preset by its name here, or by the path of its .json file."""
        if name_or_path.endswith(".json"):
            return load_preset(name_or_path)
        return self.newest(name_or_path).preset

    def save(self, name: str, raw: bytes, edited: int | None) -> int:
        """Write the next version and return its number.

        `edited` is the version that was looked at; None: there was none. Raises
        StaleVersion when it is not the newest, and PresetError for what
        `parse_preset` refuses, for another name inside, and for one too many.
        """
        preset = parse_preset(raw, name)
        if preset.name != name:
            msg = f"name is {preset.name!r}; it must be {name!r}, where it is saved"
            raise PresetError(msg)
        newest = max(self.versions(name), default=None)
        if edited != newest:
            raise StaleVersion(_stale(name, edited, newest))
        version = 1 if newest is None else newest + 1
        self._write(name, version, dump_preset(preset))
        return version

    def _write(self, name: str, version: int, text: bytes) -> None:
        if self._folder is None:
            msg = "this run keeps nothing, so no preset either; run with --data-dir"
            raise PresetError(msg)
        own = self._own()
        if name not in own and len(own) >= OWN_MAX:
            msg = f"{name} is one too many: {OWN_MAX} own presets are the limit"
            raise PresetError(msg)
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / f".{name}.{os.getpid()}.new"
        with fresh.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link, unlike a rename, never replaces what another has just written.
            os.link(fresh, self._path(self._folder, name, version))
        except FileExistsError as error:
            raise StaleVersion(_stale(name, version - 1, version)) from error
        finally:
            fresh.unlink()
        self._forget_oldest(name)

    def _forget_oldest(self, name: str) -> None:
        assert self._folder is not None, "only what is kept can be forgotten"
        for version in self._own().get(name, ())[:-VERSIONS_MAX]:
            with suppress(FileNotFoundError):  # another engine was faster
                self._path(self._folder, name, version).unlink()

    def _own(self) -> dict[str, tuple[int, ...]]:
        if self._folder is None or not self._folder.is_dir():
            return {}
        found: dict[str, list[int]] = {}
        for path in self._folder.iterdir():
            match = _FILE.fullmatch(path.name)
            if match is not None:
                found.setdefault(match[1], []).append(int(match[2]))
        return {name: tuple(sorted(versions)) for name, versions in found.items()}

    def _shipped(self, name: str) -> Preset:
        if name not in preset_names():
            msg = f"there is no preset {name!r}; there are {', '.join(self.names())}"
            raise PresetError(msg)
        return load_preset(name)

    @staticmethod
    def _path(folder: Path, name: str, version: int) -> Path:
        return folder / f"{name}.{version}.json"


def _stale(name: str, edited: int | None, newest: int | None) -> str:
    said = "no version" if edited is None else f"version {edited}"
    found = "there is none" if newest is None else f"the newest is {newest}"
    return f"{name}: {said} was edited and {found}; look at it, then edit that"
