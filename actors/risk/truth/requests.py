"""What only the engine's conductor asks of the risk actor, and how it is answered."""

import msgspec

from actors.domain.messages import Command, CommandAnswer
from actors.runtime import ReplyTo
from config.preset import Preset


class Refusal(Exception):
    """A command is not carried out; the text names the value and what is allowed."""


class Done(msgspec.Struct, frozen=True):
    """What a command did, where the global state does not tell it."""

    message: str
    before: str
    after: str


class CommandRequest(msgspec.Struct, frozen=True):
    """One command with the address of its answer."""

    command: Command
    reply: ReplyTo[CommandAnswer]


class Begin(msgspec.Struct, frozen=True):
    """Enter INITIALIZING with this preset, or be told why there is none.

    The answer says whether the table allows it. `to_flatten`: only if the kill switch
    still has something to do.
    """

    command: Command
    preset: Preset | str
    timeframe_ms: int
    reply: ReplyTo[CommandAnswer]
    to_flatten: bool = False


class Recover(msgspec.Struct, frozen=True):
    """Hold our truth against the exchange's before anything is traded.

    The answer is empty when all was settled, or says what the exchange left out.
    """

    reply: ReplyTo[str]


class SymbolTended(msgspec.Struct, frozen=True):
    """The conductor has started a symbol's actor again, or says why it did not.

    `did` is empty where there was nothing to do for it.
    """

    command: Command
    before: str  # the actor's state
    after: str
    did: str
    refused: str
    reply: ReplyTo[CommandAnswer]


class Began(msgspec.Struct, frozen=True):
    """Market and symbols run: INITIALIZING ends."""

    symbols: int


class BeginFailed(msgspec.Struct, frozen=True):
    """Market or symbols could not be started."""

    reason: str


class Ended(msgspec.Struct, frozen=True):
    """Market and symbols have stopped: STOPPED may become IDLE."""

    reason: str
    reply: ReplyTo[bool]  # whether it did
