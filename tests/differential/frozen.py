"""Stops ccxt's clocks and seeds its chance: two processes sign the same bytes."""

import random
import sys
import uuid
from types import SimpleNamespace
from typing import Any

NOW_MS = 1_790_000_000_123
SEED = 20_261_128


class Frozen:
    """The clock and the chance of one side."""

    def __init__(self) -> None:
        self._random = random.Random(SEED)

    def rewind(self) -> None:
        """Begin the sequence of chance anew: each call draws the same numbers."""
        self._random.seed(SEED)

    def _uuid4(self) -> uuid.UUID:
        return uuid.UUID(int=self._random.getrandbits(128), version=4)

    def install(self) -> None:
        """Stop the clocks of every loaded module of ccxt."""
        clock = SimpleNamespace(
            time=lambda: NOW_MS / 1000,
            time_ns=lambda: NOW_MS * 1_000_000,
            monotonic=lambda: NOW_MS / 1000,
        )
        chance = SimpleNamespace(
            getrandbits=self._random.getrandbits,
            randint=self._random.randint,
            random=self._random.random,
            randrange=self._random.randrange,
        )
        ids = SimpleNamespace(uuid4=self._uuid4, uuid5=uuid.uuid5, UUID=uuid.UUID)
        stand_ins: dict[str, Any] = {"time": clock, "random": chance, "uuid": ids}
        for name, module in list(sys.modules.items()):
            if not name.startswith("ccxt.") or "throttler" in name:
                continue
            for attribute, stand_in in stand_ins.items():
                if isinstance(getattr(module, attribute, None), type(sys)):
                    setattr(module, attribute, stand_in)
