"""Hands a command to whoever carries it out, and waits for its end."""

from actors.conductor import ENDING, RECOVERY_SECONDS, TENDING
from actors.domain.messages import Command, CommandAnswer
from actors.engine import Engine
from actors.risk.commands import RULES
from actors.risk.truth.requests import CommandRequest
from actors.runtime import AskRefused, AskTimeout, ReplyTo

COMMAND_SECONDS = 2.0
LIFECYCLE_SECONDS = 15.0
#: A start asks the exchange for its whole truth first.
START_SECONDS = RECOVERY_SECONDS + LIFECYCLE_SECONDS
#: The exchange is asked; its answers take their time.
LOOK_SECONDS = 15.0
HALTING = frozenset({"kill_switch", "emergency_stop"})
LIFECYCLE = frozenset({"start", *ENDING, *TENDING})


async def hand_over(engine: Engine, command: Command) -> CommandAnswer:
    """Hand over a command and wait for its end; 503 when nobody can take it."""
    try:
        return await _carried(engine, command)
    except (AskTimeout, AskRefused) as error:
        now_ms = engine.wall.now_ms()
        return CommandAnswer(command.id, False, 503, str(error), now_ms)


async def _carried(engine: Engine, command: Command) -> CommandAnswer:
    if command.name not in RULES:
        message = f"unknown command {command.name!r}; known: {', '.join(RULES)}"
        now_ms = engine.wall.now_ms()
        return CommandAnswer(command.id, False, 400, message, now_ms)
    if command.name in HALTING:
        return await _halt(engine, command)
    if command.name in LIFECYCLE:
        is_start = command.name == "start"
        seconds = START_SECONDS if is_start else LIFECYCLE_SECONDS
        return await engine.ask_conductor(command, seconds)
    answer: CommandAnswer = await engine.risk_ref.ask(
        lambda reply: CommandRequest(command, reply),
        LOOK_SECONDS if command.name == "reconcile" else COMMAND_SECONDS,
    )
    return answer


async def _halt(engine: Engine, command: Command) -> CommandAnswer:
    """Halt before anything else is sent, then past all that waits.

    Whatever becomes of the command, the halt stands until the risk actor says
    that it did not trip, or a person releases it.
    """
    engine.halt.reason = f"{command.name} by {command.principal}"
    reply: ReplyTo[CommandAnswer] = ReplyTo("risk", engine.dead_letters)
    if not engine.risk_ref.tell_urgent(CommandRequest(command, reply)):
        reply.lost("its urgent lane is full")
    try:
        return await reply.wait(COMMAND_SECONDS)
    except (AskTimeout, AskRefused) as error:
        text = f"nothing enters any more, but {error}; order it again"
        now_ms = engine.wall.now_ms()
        return CommandAnswer(command.id, False, 503, text, now_ms)
