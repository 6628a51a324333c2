"""A dead man's switch: orders that rest are cancelled there when we are gone.

Where an exchange's switch spares conditional orders, our stops outlive us, and what
would still open or add to a position does not. It is armed for a symbol within a second
of its first resting order that is no stop, renewed every third of its time, and
disarmed when nothing rests any more and at an orderly end.
"""

from collections.abc import Awaitable, Callable

import structlog
import trio

from actors.domain.errors import ExchangeError
from actors.exchange.ccxtrio import Lane, in_lane
from actors.exchange.live.capabilities import Row
from actors.exchange.live.plan import LivePlan
from actors.exchange.live.registry import Registry

log = structlog.get_logger(component="exchange")

#: Three renewals may fail, each within its own time-out.
SECONDS_MIN = 30
LOOK_SECONDS = 1.0
END_SECONDS = 5.0
#: Sets a symbol's switch to so many milliseconds; 0: disarms it. Raises ExchangeError.
Arm = Callable[[str, int], Awaitable[None]]


def check_switch(plan: LivePlan, row: Row) -> None:
    """Refuse a switch that would leave a position bare. Raises ExchangeError."""
    seconds = plan.dead_man_seconds
    if seconds and not row.switch_spares_stops:
        msg = (
            f"live.dead_man_seconds is {seconds}: at {plan.exchange} it is not to be "
            f"had or would cancel stops ({row.countdown}): set it to 0"
        )
        raise ExchangeError(msg)
    if seconds and seconds < SECONDS_MIN:
        msg = (
            f"live.dead_man_seconds is {seconds}: it could not be renewed in time; "
            f"{SECONDS_MIN} are the least, 0 is off"
        )
        raise ExchangeError(msg)


class DeadMan:
    """The switches of one account; `run` them beside its stream."""

    def __init__(self, arm: Arm, registry: Registry, seconds: int) -> None:
        self._arm, self._registry, self._seconds = arm, registry, seconds
        self._armed: dict[str, float] = {}  # symbol: when, of trio's clock

    async def run(self) -> None:
        """Arm, renew and disarm until cancelled, then disarm all."""
        try:
            while True:
                with in_lane(Lane.RECONCILE):
                    await self._look()
                await trio.sleep(LOOK_SECONDS)
        finally:
            with trio.move_on_after(END_SECONDS, shield=True):
                with in_lane(Lane.RECONCILE):
                    for symbol in list(self._armed):
                        await self._disarm(symbol)

    def _resting(self) -> set[str]:
        """Give the symbols with orders that the switch would cancel."""
        orders = self._registry.orders.values()
        return {one.symbol for one in orders if one.live and not one.conditional}

    async def _look(self) -> None:
        resting = self._resting()
        for symbol in sorted(self._armed.keys() - resting):
            await self._disarm(symbol)
        for symbol in sorted(resting):
            armed_at = self._armed.get(symbol)
            now = trio.current_time()
            if armed_at is None or now - armed_at >= self._seconds / 3:
                await self._renew(symbol, now)

    async def _renew(self, symbol: str, now: float) -> None:
        # Noted before: a switch whose answer is lost may be armed.
        due = self._armed.get(symbol, float("-inf"))
        self._armed[symbol] = due
        try:
            await self._arm(symbol, self._seconds * 1_000)
        except ExchangeError as error:
            log.warning(
                "a dead man's switch not renewed", symbol=symbol, why=str(error)
            )
        else:
            self._armed[symbol] = now

    async def _disarm(self, symbol: str) -> None:
        try:
            await self._arm(symbol, 0)
        except ExchangeError as error:
            log.warning(
                "a dead man's switch not disarmed", symbol=symbol, why=str(error)
            )
        else:
            del self._armed[symbol]
