"""Presets: looked at, checked, and saved as a new version for the next start."""

from functools import partial

import msgspec
import trio
from starlette.responses import Response

from actors.domain.phases import Phase
from config.errors import PresetError, StaleVersionError
from config.library import PresetLibrary
from control import wire
from control.errors import Refused
from control.routes.route import Call, House
from control.wire.answers import (
    Items,
    PresetProblem,
    PresetRow,
    PresetSaved,
    PresetShown,
    PresetVerdict,
)

AT_REST = frozenset({Phase.IDLE, Phase.STOPPED})

Problems = tuple[PresetProblem, ...]


async def presets(house: House, _: Call) -> Items[PresetRow]:
    """Every preset: those that ship, and a person's own."""
    running = _running(house)
    entries = await trio.to_thread.run_sync(house.engine.library().entries)
    rows = (
        PresetRow(
            name=entry.name,
            description=entry.description,
            version=entry.version,
            origin=entry.origin,
            running_now=entry.name == running,
            problem=entry.problem,
        )
        for entry in entries
    )
    return Items(tuple(rows))


async def preset(house: House, call: Call) -> PresetShown:
    """One preset, every default filled in, and which versions are kept."""
    look = partial(_shown, house.engine.library(), call.path["name"])
    return await trio.to_thread.run_sync(look)


async def check(house: House, call: Call) -> PresetVerdict:
    """Say whether a preset is sound and could ever fire; nothing is saved."""
    raw = wire.encode(call.body)
    problems = await _problems(house.engine.library(), raw, call.path["name"])
    return PresetVerdict(not problems, problems)


async def save(house: House, call: Call) -> PresetSaved | Response:
    """Save a preset as its next version; it is applied at the next start."""
    name, raw, library = call.path["name"], wire.encode(call.body.preset), _of(house)
    problems = await _problems(library, raw, name)
    if problems:
        return await _refused(house, call, 400, problems[0].message, problems)
    if name == _running(house):
        msg = f"the engine runs with {name}: stop it first, or save under a new name"
        return await _refused(house, call, 409, msg)
    keep = partial(library.save, name, raw, call.body.version)
    try:
        version = await trio.to_thread.run_sync(keep)
    except StaleVersionError as error:
        return await _refused(house, call, 409, str(error))
    except PresetError as error:
        return await _refused(house, call, 400, str(error))
    message = f"{name} version {version} is saved; the next start takes it"
    await _record(house, call, f"version {version}", f"done: {message}")
    stamp = wire.iso(house.answers.now_ms())
    return PresetSaved(True, message, stamp, version)


def _of(house: House) -> PresetLibrary:
    return house.engine.library()


def _shown(library: PresetLibrary, name: str) -> PresetShown:
    """Read one preset; raises Refused 404, or 409 where it cannot be used."""
    if name not in library.names():
        raise Refused(404, f"preset {name!r} is unknown; see /api/presets")
    versions = library.versions(name)
    try:
        found = library.load(name)
    except PresetError as error:
        raise Refused(409, f"preset {name} cannot be used: {error}") from error
    return PresetShown(name, versions[-1], library.origin(name), found, versions)


async def _refused(
    house: House, call: Call, status: int, message: str, problems: Problems = ()
) -> Response:
    await _record(house, call, _before(call), f"refused: {message}")
    stamp = wire.iso(house.answers.now_ms())
    body = PresetSaved(False, message, stamp, None, problems)
    return house.answers.json(body, status)


async def _record(house: House, call: Call, after: str, result: str) -> None:
    what = f"preset save {call.path['name'][:40]}"
    await house.record(call, what, _before(call), after, result)


def _before(call: Call) -> str:
    edited = call.body.version
    return "none" if edited is None else f"version {edited}"


async def _problems(library: PresetLibrary, raw: bytes, name: str) -> Problems:
    found = await trio.to_thread.run_sync(library.check, raw)
    problems = tuple(PresetProblem(one.path, one.message) for one in found)
    said = msgspec.json.decode(raw).get("name")
    if not problems and said != name:
        msg = f"name is {said!r}; it must be {name!r}, where it is saved"
        return (PresetProblem("name", msg),)
    return problems


def _running(house: House) -> str | None:
    status = house.engine.status()
    return None if status.state in AT_REST else status.preset
