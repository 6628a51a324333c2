"""Named places at which a test may end the process, to prove that it may end there.

Nothing in the product arms a point, and a point that is not armed costs a comparison.
"""

from collections.abc import Callable

_armed: dict[str, tuple[int, Callable[[], None]]] = {}


def reached(point: str) -> None:
    """Say that the program is at a point; a test may have armed it."""
    if _armed:
        _fire(point)


def arm(point: str, act: Callable[[], None], *, passing: int = 1) -> None:
    """Let `act` happen at the `passing`-th passing of a point from now on."""
    _armed[point] = (passing, act)


def disarm() -> None:
    """Forget every armed point."""
    _armed.clear()


def _fire(point: str) -> None:
    left, act = _armed.get(point, (0, disarm))
    if left == 0:
        return
    if left > 1:
        _armed[point] = (left - 1, act)
        return
    del _armed[point]
    act()
