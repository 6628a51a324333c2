"""A value that comes later, which ccxt calls a Future, without a loop of asyncio.

It has the surface that ccxt's classes use. What differs is cancellation: in asyncio a
cancelled waiter cancels the future under everybody else who waits for it. Here a waiter
only leaves; the promise is kept for the others.
"""

from collections.abc import Callable, Generator, Sequence
from enum import Enum, auto
from typing import Any

import trio
from ccxt.base.errors import ExchangeClosedByUser


class State(Enum):
    """Where a promise stands."""

    PENDING = auto()
    KEPT = auto()
    BROKEN = auto()
    CANCELLED = auto()


class Promise:
    """Waits for one value or one error; any number of tasks may await it."""

    def __init__(self) -> None:
        self._state = State.PENDING
        self._value: Any = None
        self._error: BaseException | None = None
        self._waiters = trio.lowlevel.ParkingLot()
        self._callbacks: dict[Callable[[Promise], object], None] = {}
        self._raced: Sequence[Promise] = ()

    # --- what is known ----------------------------------------------------------------

    def done(self) -> bool:
        """Whether there is a value, an error or a cancellation."""
        return self._state is not State.PENDING

    def cancelled(self) -> bool:
        """Whether it was given up."""
        return self._state is State.CANCELLED

    def result(self) -> Any:
        """Give the value, or raise the error."""
        assert self.done(), "the result of a promise that is still open"
        if self._error is not None:
            raise self._error
        return self._value

    def exception(self) -> BaseException | None:
        """Give the error, if it is one."""
        assert self.done(), "the error of a promise that is still open"
        return self._error

    def waited_for(self) -> bool:
        """Whether somebody will see its error."""
        return bool(self._waiters) or bool(self._callbacks)

    # --- settling ---------------------------------------------------------------------

    def resolve(self, result: Any = None) -> None:
        """Keep it; the first of resolve, reject and cancel counts."""
        self._settle(State.KEPT, result, None)

    def reject(self, error: BaseException | type[BaseException] | None = None) -> None:
        """Break it with an error."""
        made = error() if isinstance(error, type) else error
        if not isinstance(made, BaseException):
            made = TypeError(f"{made!r} is no error")
        self._settle(State.BROKEN, None, made)

    set_result, set_exception = resolve, reject

    def cancel(self, _message: object = None) -> bool:
        """Give it up: whoever awaits it hears that the connection is closed."""
        was_open = not self.done()
        closed = ExchangeClosedByUser(
            "the connection was closed while this was awaited"
        )
        self._settle(State.CANCELLED, None, closed)
        return was_open

    def _settle(self, state: State, value: Any, error: BaseException | None) -> None:
        if self.done():
            return
        self._state, self._value, self._error = state, value, error
        self._leave_race()
        self._waiters.unpark_all()
        callbacks, self._callbacks = self._callbacks, {}
        for callback in callbacks:
            callback(self)

    def add_done_callback(self, callback: Callable[["Promise"], object]) -> None:
        """Call back once it is settled, at once if it is."""
        if self.done():
            callback(self)
        else:
            self._callbacks[callback] = None

    def remove_done_callback(self, callback: Callable[["Promise"], object]) -> int:
        """Do not call back; says how many were removed."""
        return 0 if self._callbacks.pop(callback, callback) is callback else 1

    # --- waiting ----------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait().__await__()

    async def _wait(self) -> Any:
        if self.done():
            await trio.lowlevel.checkpoint()
            return self.result()
        try:
            await self._waiters.park()
        finally:
            if self._raced and not self._waiters and not self.done():
                # The last waiter of a race has left. Its callbacks would pile up.
                self.cancel()
        return self.result()

    # --- races ------------------------------------------------------------------------

    @classmethod
    def race(cls, promises: Sequence["Promise"]) -> "Promise":
        """Give a promise that is settled as the first of `promises` is."""
        race = cls()
        if not promises:
            race.reject(ValueError("a race of no promises"))
            return race
        settled = next((promise for promise in promises if promise.done()), None)
        if settled is not None:
            race._follow(settled)
            return race
        race._raced = promises
        for promise in promises:
            promise.add_done_callback(race._follow)
        return race

    def _follow(self, winner: "Promise") -> None:
        error = winner.exception()
        if winner.cancelled():
            self.cancel()
        elif error is not None:
            self.reject(error)
        else:
            self.resolve(winner.result())

    def _leave_race(self) -> None:
        for promise in self._raced:
            promise.remove_done_callback(self._follow)
        self._raced = ()
