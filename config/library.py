"""The library of presets: those that ship with the engine, and a person's own.

Own presets are files `NAME.json` in one folder. Saving never overwrites: what was the
newest version is kept as `NAME.vN.json`, and the new one takes its place in one step. A
shipped preset is version 1 of its name; saving under that name makes an own version 2,
which wins from then on, and the shipped one stays what it is. Who saves says which
version was edited, so that nobody overwrites what another has changed meanwhile.
"""

import os
import re
from pathlib import Path

import msgspec

from config.errors import PresetError, StaleVersionError
from config.load import (
    NAME_PATTERN,
    Problem,
    dump_preset,
    load_preset,
    parse_preset,
    preset_names,
    problems_of,
    read_preset,
    shipped_text,
)
from config.preset import Preset

SHIPPED, OWN = "shipped", "own"
OWN_MAX = 200
VERSIONS_KEPT_MAX = 100
_KEPT = re.compile(r"(?P<name>[a-z0-9_]{3,40})\.v(?P<version>[0-9]{1,6})\.json")


class PresetEntry(msgspec.Struct, frozen=True, rename="camel"):
    """One preset of the library."""

    name: str
    description: str
    version: int
    origin: str  # shipped or own
    problem: str | None = None  # why it cannot be loaded; None: it can


class PresetLibrary:
    """Shipped presets, and own ones in a folder; None: there are no own ones."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    # --- reading --------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """Every name, sorted."""
        return tuple(sorted({*preset_names(), *self._own()}))

    def entries(self) -> tuple[PresetEntry, ...]:
        """Every preset with its newest version; a damaged one says what is wrong."""
        return tuple(map(self.entry, self.names()))

    def entry(self, name: str) -> PresetEntry:
        """One preset with its newest version; PresetError: there is none."""
        origin, version = self.origin(name), self.versions(name)[-1]
        try:
            preset = self.load(name)
        except PresetError as error:
            return PresetEntry(name, "", version, origin, str(error))
        return PresetEntry(name, preset.description, version, origin)

    def origin(self, name: str) -> str:
        """Whose the newest version is; PresetError: there is no such preset."""
        self._require(name)
        return OWN if name in self._own() else SHIPPED

    def versions(self, name: str) -> tuple[int, ...]:
        """The versions that can be read, oldest first."""
        self._require(name)
        kept = set(self._kept(name))
        newest = max(kept, default=0) + 1
        if name in preset_names():
            kept.add(1)
            newest = max(newest, 2) if name in self._own() else 1
        return tuple(sorted({*kept, newest}))

    def load(self, name: str, version: int | None = None) -> Preset:
        """Load a preset, the newest version unless one is named.

        Raises PresetError for an unknown name or version, and a preset that is unsound.
        """
        versions = self.versions(name)
        if version is not None and version not in versions:
            known = ", ".join(map(str, versions))
            msg = f"preset {name} has no version {version}; there are {known}"
            raise PresetError(msg)
        path = self._path(name, version)
        if path is None:
            return load_preset(name)
        return parse_preset(read_preset(path), name)

    def find(self, wanted: str) -> Preset:
        """Load a preset by its name here, else from the file of that path.

        Raises PresetError: there is neither, or it is unsound.
        """
        return self.load(wanted) if wanted in self.names() else load_preset(wanted)

    def text(self, name: str, version: int | None = None) -> bytes:
        """Give a preset as indented JSON with every default filled in."""
        return dump_preset(self.load(name, version))

    def check(self, raw: bytes) -> tuple[Problem, ...]:
        """Say all that is wrong with a preset; nothing: it is sound and can fire."""
        return problems_of(raw)

    # --- saving ---------------------------------------------------------------------

    def save(self, name: str, raw: bytes, expected_version: int | None) -> int:
        """Save a sound preset as the newest version of its name; return the version.

        `expected_version` is the one that was edited; None: the name is new. Raises
        PresetError when it is unsound or cannot be written, StaleVersionError when
        somebody else has saved meanwhile.
        """
        folder = self._writable(name)
        problems = self.check(raw)
        if problems:
            lines = (f"{one.path}: {one.message}" for one in problems)
            raise PresetError("\n  ".join((f"preset {name} cannot be used:", *lines)))
        preset = parse_preset(raw, name)
        if preset.name != name:
            msg = f"name is {preset.name!r}; saved as {name!r} it must be the same"
            raise PresetError(msg)
        current = self.versions(name)[-1] if name in self.names() else None
        if current != expected_version:
            msg = (
                f"preset {name} is at version {current}, not {expected_version}; load "
                "it again and repeat the change"
            )
            raise StaleVersionError(msg)
        try:
            self._put(folder, name, dump_preset(preset), current)
        except OSError as error:
            msg = f"preset {name} cannot be saved: {error}; check the folder {folder}"
            raise PresetError(msg) from error
        return self.versions(name)[-1]

    def _put(self, folder: Path, name: str, text: bytes, current: int | None) -> None:
        """Keep what was the newest, then let the new one take its place."""
        folder.mkdir(parents=True, exist_ok=True)
        if current is not None:
            before = self._path(name, None)
            kept = shipped_text(name) if before is None else before.read_bytes()
            _write(folder / f"{name}.v{current}.json", kept)
        _write(folder / f"{name}.json", text)
        for version in self._kept(name)[:-VERSIONS_KEPT_MAX]:
            (folder / f"{name}.v{version}.json").unlink()

    def _writable(self, name: str) -> Path:
        if self._folder is None:
            msg = "own presets need a data directory; start with --data-dir"
            raise PresetError(msg)
        if not NAME_PATTERN.fullmatch(name):
            msg = f"name is {name!r}; it must be 3 to 40 of a-z, 0-9 and _"
            raise PresetError(msg)
        own = self._own()
        if name not in own and len(own) >= OWN_MAX:
            msg = (
                f"there are {len(own)} own presets, the limit is {OWN_MAX}; delete one"
            )
            raise PresetError(msg)
        return self._folder

    # --- the folder -------------------------------------------------------------------

    def _require(self, name: str) -> None:
        names = self.names()
        if name not in names:
            msg = f"there is no preset {name!r}; choose one of {', '.join(names)}"
            raise PresetError(msg)

    def _path(self, name: str, version: int | None) -> Path | None:
        """The own file of a version (None: the newest); None: it is the shipped one."""
        if self._folder is None or name not in self._own():
            return None
        if version is None or version == self.versions(name)[-1]:
            return self._folder / f"{name}.json"
        kept = self._folder / f"{name}.v{version}.json"
        return kept if version in self._kept(name) else None

    def _files(self) -> list[str]:
        if self._folder is None or not self._folder.is_dir():
            return []
        return [path.name for path in self._folder.iterdir()]

    def _own(self) -> set[str]:
        names = {one.removesuffix(".json") for one in self._files() if ".json" in one}
        return {name for name in names if NAME_PATTERN.fullmatch(name)}

    def _kept(self, name: str) -> list[int]:
        found = (_KEPT.fullmatch(one) for one in self._files())
        return sorted(int(m["version"]) for m in found if m and m["name"] == name)


def _write(path: Path, text: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
