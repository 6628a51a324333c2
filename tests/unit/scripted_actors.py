"""Actors that do what their messages say and write down what happened to them."""

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import trio

from actors.runtime import (
    Actor,
    Budget,
    ChildSpec,
    CrashReport,
    DeadLetters,
    Supervisor,
    SupervisorSpec,
    run_supervisor,
)

SCRIPTED = "scripted"


class Failure(Exception):
    """What a scripted actor raises."""


class Scripted(Actor[Any]):
    """Logs (name, event); a callable message is called, awaited if need be."""

    def __init__(self, log: list[tuple[str, object]], starts: list[str] | None) -> None:
        self.log = log
        self.starts = starts

    async def on_start(self) -> None:
        if self.starts and self.starts.pop(0) == "fail":
            raise Failure
        self.log.append((self.context.name, "start"))

    async def handle(self, message: Any) -> None:
        if callable(message):
            result = message(self)
            if result is not None:
                await result
        else:
            self.log.append((self.context.name, message))

    async def on_stop(self, _reason: str) -> None:
        self.log.append((self.context.name, "stop"))

    def statistics(self) -> dict[str, int | float | str]:
        return {"events": len(self.log)}


def crash(_actor: Scripted) -> None:
    raise Failure(SCRIPTED)


async def block(_actor: Scripted) -> None:
    await trio.sleep_forever()


class World:
    """One tree's log, reports and dead letters."""

    def __init__(self) -> None:
        self.log: list[tuple[str, object]] = []
        self.reports: list[CrashReport] = []
        self.dead_letters = DeadLetters()

    def child(
        self, name: str, starts: list[str] | None = None, **options: Any
    ) -> ChildSpec:
        return ChildSpec(name, lambda: Scripted(self.log, starts), **options)

    def run(
        self, *children: ChildSpec | SupervisorSpec, **options: Any
    ) -> AbstractAsyncContextManager[Supervisor]:
        return run_supervisor(
            SupervisorSpec("top", children, **options),
            random=random.Random(1),
            reports=self.reports.append,
            dead_letters=self.dead_letters,
        )

    def events(self, name: str) -> list[object]:
        return [event for who, event in self.log if who == name]

    def names(self, event: object) -> list[str]:
        return [who for who, what in self.log if what == event]


THREE = Budget(3, 60.0)
Step = Callable[[Scripted], Any]
