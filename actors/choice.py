"""What a start is made from: chosen on the command line, unless a command says else."""

import msgspec

from actors.domain.errors import EngineError
from actors.domain.live import CONFIRMATION, LIVE
from actors.domain.messages import Command
from config.errors import ConfigError
from config.library import PresetLibrary
from config.preset import Preset


class Choice(msgspec.Struct, frozen=True):
    """What a start is made from, unless it says otherwise."""

    preset: str  # given on the command line: a name or a path
    mode: str
    library: PresetLibrary

    def of(self, command: Command) -> Preset | str:
        """Load the preset that a start wants, or say why it cannot be."""
        refused = self._unfit(command)
        if refused:
            return refused
        name = str(command.args.get("preset", self.preset))
        names = self.library.names()
        if name != self.preset and name not in names:
            # A path from outside would let a client feel its way through our files.
            return f"no preset {name!r}; known: {', '.join(names)}"
        try:
            # Read at each start: what was saved meanwhile applies from here on.
            return self.library.find(name)
        except (ConfigError, EngineError) as error:
            return str(error)

    def _unfit(self, command: Command) -> str:
        """Say what is wrong with how a start was asked for; empty: nothing."""
        mode = command.args.get("mode", self.mode)
        if mode != self.mode:
            return f"mode {mode!r} is not possible here; allowed: {self.mode}"
        unknown = set(command.args) - {"preset", "mode", "confirm"}
        if unknown:
            return f"unknown arguments {sorted(unknown)}; allowed: preset, mode"
        said = command.args.get("confirm", "")
        if mode == LIVE and said != CONFIRMATION:
            return f"real money: send confirm = {CONFIRMATION!r} to start"
        return ""
