"""Presets: looked at, checked, and saved as a new version for the next start."""

from functools import partial

import msgspec
import trio
from starlette.responses import Response

from actors.domain.phases import Phase
from config.errors import PresetError
from config.load import find_problems
from config.shelf import Shelved, StaleVersion
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

NAME_LENGTH_MAX = 40
AT_REST = frozenset({Phase.IDLE, Phase.STOPPED})


async def presets(house: House, _: Call) -> Items[PresetRow]:
    """Every preset: those that ship, and a person's own."""
    running = _running(house)
    names = await trio.to_thread.run_sync(house.shelf.names)
    rows = [await _row(house, name, running) for name in names]
    return Items(tuple(rows))


async def preset(house: House, call: Call) -> PresetShown:
    """One preset, every default filled in, and which versions are kept."""
    found = await _newest(house, call.path["name"])
    versions = await trio.to_thread.run_sync(house.shelf.versions, found.name)
    return PresetShown(found.name, found.version, found.origin, found.preset, versions)


async def check(_: House, call: Call) -> PresetVerdict:
    """Say whether a preset is sound and could ever fire; nothing is saved."""
    problems = await _problems(wire.encode(call.body), call.path["name"])
    return PresetVerdict(not problems, problems)


async def save(house: House, call: Call) -> PresetSaved | Response:
    """Save a preset as its next version; it is applied at the next start."""
    name, raw = call.path["name"], wire.encode(call.body.preset)
    problems = await _problems(raw, name)
    if problems:
        return await _refused(house, call, 400, problems[0].message, problems)
    if name == _running(house):
        msg = f"the engine runs with {name}: stop it first, or save under a new name"
        return await _refused(house, call, 409, msg, ())
    keep = partial(house.shelf.save, name, raw, call.body.version)
    try:
        version = await trio.to_thread.run_sync(keep)
    except StaleVersion as error:
        return await _refused(house, call, 409, str(error), ())
    except PresetError as error:
        return await _refused(house, call, 400, str(error), ())
    message = f"{name} version {version} is saved; the next start takes it"
    await _record(house, call, f"version {version}", f"done: {message}")
    stamp = wire.iso(house.answers.now_ms())
    return PresetSaved(True, message, stamp, version)


async def _refused(
    house: House,
    call: Call,
    status: int,
    message: str,
    problems: tuple[PresetProblem, ...],
) -> Response:
    await _record(house, call, _before(call), f"refused: {message}")
    stamp = wire.iso(house.answers.now_ms())
    body = PresetSaved(False, message, stamp, None, problems)
    return house.answers.json(body, status)


async def _record(house: House, call: Call, after: str, result: str) -> None:
    what = f"preset save {call.path['name'][:NAME_LENGTH_MAX]}"
    await house.record(call, what, _before(call), after, result)


def _before(call: Call) -> str:
    edited = call.body.version
    return "none" if edited is None else f"version {edited}"


async def _problems(raw: bytes, name: str) -> tuple[PresetProblem, ...]:
    found = await trio.to_thread.run_sync(find_problems, raw)
    problems = tuple(PresetProblem(path, message) for path, message in found)
    said = msgspec.json.decode(raw).get("name")
    if not problems and said != name:
        msg = f"name is {said!r}; it must be {name!r}, where it is saved"
        return (PresetProblem("name", msg),)
    return problems


async def _newest(house: House, name: str) -> Shelved:
    if name not in await trio.to_thread.run_sync(house.shelf.names):
        raise Refused(404, f"preset {name!r} is unknown; see /api/presets")
    try:
        return await trio.to_thread.run_sync(house.shelf.newest, name)
    except PresetError as error:
        raise Refused(409, f"preset {name} cannot be used: {error}") from error


async def _row(house: House, name: str, running: str | None) -> PresetRow:
    """Show one preset; one that cannot be read must not hide the others."""
    try:
        found = await trio.to_thread.run_sync(house.shelf.newest, name)
    except PresetError as error:
        return PresetRow(name, f"cannot be used: {error}", -1, "own", False)
    return PresetRow(
        name=name,
        description=found.preset.description,
        version=found.version,
        origin=found.origin,
        running_now=name == running,
    )


def _running(house: House) -> str | None:
    status = house.engine.status()
    return None if status.state in AT_REST else status.preset
