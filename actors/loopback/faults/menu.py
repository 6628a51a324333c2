"""The fault menu: what may go wrong, switched on and off while the exchange runs.

Every fault draws from a stream of chance of its own, made from the seed and its name:
switching one fault on does not change what another one does. `on` narrows a fault to
kinds of requests (place, cancel, query, account, public), streams or symbols; `count`
ends it after so many times; `chance` is asked each time; `ms` is its length where it
has one. The names and what they do are FAULTS, which `GET /sim/faults` shows too.
"""

import random
from collections import Counter
from typing import Any

import msgspec

FAULTS: dict[str, str] = {
    # the way to the exchange and back
    "request_lost": "the request never arrives; the line breaks without an answer",
    "answer_lost": "the request is carried out; the line breaks without an answer",
    "executed_late": "the line breaks at once; the request is carried out `ms` later",
    "error_after": "the request is carried out; the answer is 503 or 504",
    "error_before": "503 and nothing is carried out",
    "refused_unlisted": "refused with a code that nobody has written down (-9999)",
    "slow_answers": "an answer comes `ms` late",
    "connection_reset": "the line is reset before the request is read",
    "garbage_body": "the request is carried out; the answer is no JSON",
    "rate_storm": "429 with Retry-After although the limit is not reached",
    "clock_skew": "the exchange's clock is `ms` off",
    "maintenance": "503 to everything but the fault menu; streams say nothing",
    # orders and what is told of them
    "query_blind": "an order is not found for `ms` after it was taken",
    "partial_pages": "lists of orders and trades are cut in half",
    "cancel_races": "a cancel finds its order filled a moment before",
    "stop_refused": "a conditional order is refused: too many (-4045)",
    "stop_vanishes": "a conditional order is taken and is gone `ms` later, untold",
    "stop_stuck": "a triggered conditional order never becomes an order",
    "leverage_ignored": "setting leverage answers as asked and changes nothing",
    "fill_twice": "a fill is told twice on the user stream",
    "fill_shuffled": "a fill is told after what follows it",
    "fill_missing": "a fill is not told on the user stream",
    "listen_key_expires": "a listen key ends at its next minute",
    # somebody else on the account
    "foreign_order": "each minute: a person leaves an order in some symbol",
    "manual_close": "each minute: a person closes a position by hand",
    # streams
    "feed_frozen": "public streams say nothing",
    "feed_dropped": "a public message is left out",
    "feed_twice": "a public message is told twice",
    "feed_shuffled": "a public message is told after the next of its stream",
    "socket_silent": "a WebSocket stays open and says nothing any more, not even pings",
    "socket_dropped": "a WebSocket is cut at its next minute",
    "server_shutdown": "WebSockets are told of a shutdown and closed `ms` later",
    # the market
    "delisted": "symbols (named in `on`) are not traded any more",
}
MS_DEFAULT = {
    "executed_late": 3_000,
    "slow_answers": 2_000,
    "clock_skew": 2_000,
    "query_blind": 5_000,
    "stop_vanishes": 2_000,
    "server_shutdown": 10_000,
}


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How one fault is switched on."""

    chance: float = 1.0
    count: int | None = None
    ms: int = 0
    on: tuple[str, ...] = ()


class UnknownFault(ValueError):
    """A fault is named that is not on the menu, or has a value it cannot have."""


class Menu:
    """Which faults are on, and how often each has come."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._on: dict[str, Fault] = {}
        self._chances: dict[str, random.Random] = {}
        self.fired: Counter[str] = Counter()

    def switch(self, name: str, fault: Fault | None) -> None:
        """Switch one on, change it, or (None) off. Raises UnknownFault."""
        if name not in FAULTS:
            msg = f"no fault {name!r}; there are {', '.join(sorted(FAULTS))}"
            raise UnknownFault(msg)
        if fault is None:
            self._on.pop(name, None)
            return
        if not 0.0 <= fault.chance <= 1.0 or (fault.count or 0) < 0:
            msg = f"{name}: chance is 0 to 1 and count at least 0, not {fault}"
            raise UnknownFault(msg)
        if not fault.ms:
            fault.ms = MS_DEFAULT.get(name, 0)
        self._on[name] = fault

    def clear(self) -> None:
        """Switch everything off."""
        self._on.clear()

    def active(self, name: str) -> Fault | None:
        """Give a fault that is on, without counting anything."""
        return self._on.get(name)

    def any_on(self, *names: str) -> bool:
        """Say whether one of these is on: the quick way past the whole menu."""
        return any(name in self._on for name in names)

    def hit(self, name: str, *subject: str) -> Fault | None:
        """Ask whether a fault comes now, upon this; count it if it does."""
        fault = self._on.get(name)
        if fault is None:
            return None
        if fault.on and not any(one in fault.on for one in subject):
            return None
        if fault.chance < 1.0 and self._chance(name).random() >= fault.chance:
            return None
        if fault.count is not None:
            if fault.count == 0:
                return None
            fault.count -= 1
        self.fired[name] += 1
        return fault

    def pick(self, name: str, choices: list[Any]) -> Any:
        """Choose by the fault's own chance."""
        return choices[self._chance(name).randrange(len(choices))]

    def show(self) -> dict[str, Any]:
        """Show what is on, how often each came, and what there is."""
        return {"on": self._on, "fired": self.fired, "menu": FAULTS}

    def _chance(self, name: str) -> random.Random:
        made = self._chances.get(name)
        if made is None:
            # A test's chance, not a secret's.
            made = random.Random(f"{self._seed}:{name}")  # noqa: S311
            self._chances[name] = made
        return made


def parse(text: str) -> dict[str, Fault]:
    """Read `--faults`: `answer_lost=0.1,query_blind:ms=3000:count=5,on…`.

    A fault's settings follow it with colons; `name=0.1` is short for `chance=0.1`; in
    `on=place+cancel` a plus joins. Raises UnknownFault.
    """
    found = {}
    for word in filter(None, text.split(",")):
        head, *settings = word.strip().split(":")
        name, _, chance = head.partition("=")
        fields: dict[str, Any] = {"chance": chance} if chance else {}
        for setting in settings:
            key, _, value = setting.partition("=")
            fields[key] = value.split("+") if key == "on" else value
        try:
            found[name] = msgspec.convert(fields, Fault, strict=False)
        except msgspec.ValidationError as error:
            msg = f"--faults {word!r}: {error}"
            raise UnknownFault(msg) from error
        if name not in FAULTS:
            msg = f"no fault {name!r}; there are {', '.join(sorted(FAULTS))}"
            raise UnknownFault(msg)
    return found
