"""A preset that was damaged since is told of, and takes no actor down with it."""

from pathlib import Path

from msgspec import structs
from trio.testing import MockClock

from actors.domain.phases import Phase
from config.library import PresetLibrary
from tests.sim.killing import told
from tests.sim.test_kill_rouse import at_rest
from tests.sim.world import Stage, World, living

#: Misspelled, and cut off further on.
DAMAGED = b'{"nane": "mine", "description": '
SAYS = "unknown field `nane`"


def damage(stage: Stage) -> None:
    Path(stage.engine.setup.preset).write_bytes(DAMAGED)


async def test_a_start_from_a_damaged_preset_is_refused(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(World(), tmp_path, start=False) as stage:
        damage(stage)
        answer = await stage.command("start", preset=stage.engine.setup.preset)
        assert (answer.ok, answer.code) == (False, 400)
        assert SAYS in answer.message
        assert stage.machine.phase is Phase.IDLE
        assert stage.engine.crashes == 0


async def test_a_reload_says_which_preset_is_damaged(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    (tmp_path / "mine.json").write_bytes(DAMAGED)
    async with living(World(), tmp_path, start=False) as stage:
        desk = stage.engine.risk.desk
        desk.ports = structs.replace(desk.ports, presets=PresetLibrary(tmp_path))
        answer = await stage.command("reload")
        assert (answer.ok, answer.code) == (False, 400)
        assert answer.message.startswith("preset mine: ")
        assert SAYS in answer.message
        assert stage.engine.crashes == 0


async def test_a_kill_at_rest_says_that_a_damaged_preset_brings_nothing_up(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with at_rest(tmp_path) as stage:
        damage(stage)
        assert (await stage.command("kill_switch", reason="drill")).ok
        await stage.until(lambda: bool(told(stage, SAYS)))
        (alert,) = told(stage, SAYS)
        assert alert.action == "nothing runs and nothing is closed; start by hand"
        assert stage.engine.crashes == 0
