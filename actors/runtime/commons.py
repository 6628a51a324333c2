"""What all supervisors of one tree share: the dice, the alarm clock, the lost mail."""

from random import Random

from actors.runtime.letters import DeadLetters
from actors.runtime.report import Reporter
from actors.runtime.timers import Timers


class Commons:
    """Owned by the top of the tree and handed down."""

    def __init__(
        self, random: Random, reporter: Reporter, dead_letters: DeadLetters
    ) -> None:
        self.random = random
        self.reporter = reporter
        self.dead_letters = dead_letters
        self.timers = Timers()
        #: Every child's name: a name is unique in its tree.
        self.names: set[str] = set()
        #: The whole tree is going down: a stopped child will not start again.
        self.closing = False
