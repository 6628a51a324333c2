"""`breakout ctl` against a served engine: what it prints and how it exits."""

import functools

import msgspec
import pytest
import trio
from typer.testing import CliRunner, Result

from actors.domain.messages import Role
from control.shell.ctl import ctl
from tests.planes import SECRETS
from tests.wire.planes import ServedPlane, served


async def run(
    plane: ServedPlane, *words: str, token: str | None = SECRETS[Role.OPERATOR]
) -> Result:
    """Run the command line in a thread: it has an event loop of its own."""
    words = (*words, "--url", plane.url)
    invoke = functools.partial(
        CliRunner().invoke, ctl, words, env={"BREAKOUT_TOKEN": token}
    )
    return await trio.to_thread.run_sync(invoke)


async def test_status_start_pause_resume_kill_and_stop_are_done_with_0() -> None:
    async with served() as plane:
        status = await run(plane, "status", "--json")
        assert status.exit_code == 0
        assert msgspec.json.decode(status.stdout)["state"] == "IDLE"
        for words in (
            ["start", "breakout_v1"],
            ["pause"],
            ["resume"],
            ["kill", "--reason", "a test"],
            ["command", "time_stop"],
            ["stop", "--json"],
        ):
            assert (await run(plane, *words)).exit_code == 0, words
        assert [command.name for command in plane.engine.performed] == [
            "start",
            "pause",
            "resume",
            "kill_switch",
            "time_stop",
            "stop",
        ]


async def test_a_start_with_real_money_sends_the_word_that_was_typed() -> None:
    async with served() as plane:
        words = ("start", "breakout_v1", "--mode", "live", "--confirm", "LIVE")
        done = await run(plane, *words, token=SECRETS[Role.ADMIN])
        assert done.exit_code == 0, done.output
        (started,) = plane.engine.performed
        assert (started.args["mode"], started.args["confirm"]) == ("live", "LIVE")


@pytest.mark.parametrize(
    ("words", "token", "code", "said"),
    [
        (["stop"], SECRETS[Role.OPERATOR], 3, "stop is not allowed in IDLE"),
        (["start", "nope"], SECRETS[Role.OPERATOR], 3, "nope"),
        (["stop"], SECRETS[Role.VIEWER], 3, "viewer"),
        (["stop"], "a-token-that-is-wrong", 3, "4401"),
        (["stop"], "", 2, "BREAKOUT_TOKEN"),
        (["command", "stop", "--args", "3"], SECRETS[Role.OPERATOR], 2, "JSON object"),
        (["fly"], SECRETS[Role.OPERATOR], 2, "fly"),
    ],
)
async def test_what_is_not_done_says_why_and_exits_by_the_contract(
    words: list[str], token: str, code: int, said: str
) -> None:
    async with served() as plane:
        result = await run(plane, *words, token=token)
        assert result.exit_code == code
        assert said in result.stderr
        assert plane.engine.performed == []


async def test_no_engine_exits_4() -> None:
    async with served() as plane:
        await plane.serving.close()
        assert (await run(plane, "status")).exit_code == 4
