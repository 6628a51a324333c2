"""What happens in the random lives of the money part: trades, faults, people."""

from decimal import Decimal

import msgspec
import trio

from actors.domain.crash_points import CrashPoint
from actors.domain.money import nearest_to
from actors.domain.orders import Side
from actors.runtime import crash
from tests.model_order import Fate
from tests.money_process import Crash
from tests.money_world import World


class Action(msgspec.Struct, frozen=True):
    """One thing that happens."""

    async def act(self, world: World) -> None:
        raise NotImplementedError


class Enter(Action, frozen=True):
    """A symbol finds a trade; the orders that follow have these fates."""

    symbol: str
    side: Side
    ladder: bool
    fates: tuple[Fate, ...]

    async def act(self, world: World) -> None:
        world.exchange.fates.extend(self.fates)
        if world.process.running:
            await world.signal(self.symbol, self.side, ladder=self.ladder)
        await world.wait(0.5)


class Move(Action, frozen=True):
    """A price moves; stops and targets that it reaches fill."""

    symbol: str
    percent: int
    fate: Fate

    async def act(self, world: World) -> None:
        mark = world.exchange.marks[self.symbol] * (100 + self.percent) / 100
        mark = min(max(mark, Decimal(20)), Decimal(500)).quantize(Decimal("0.0001"))
        world.exchange.price(self.symbol, mark, self.fate)
        await world.process.settle()
        world.bar(self.symbol)


class Wait(Action, frozen=True):
    """Time passes."""

    seconds: int

    async def act(self, world: World) -> None:
        await world.wait(self.seconds)


class Disturb(Action, frozen=True):
    """The next cancels and fetches go like this."""

    cancels: tuple[str, ...]
    fetches: tuple[str, ...]

    async def act(self, world: World) -> None:
        world.exchange.cancel_fates.extend(self.cancels)
        world.exchange.fetch_faults.extend(self.fetches)


class Vanish(Action, frozen=True):
    """An order that rests is gone, and nobody is told."""

    which: int

    async def act(self, world: World) -> None:
        resting = [o for o in world.exchange.orders.values() if o.live]
        if resting:
            gone = resting[self.which // 2 % len(resting)]
            world.exchange.vanish(gone, forgotten=self.which % 2 == 1)


class Hand(Action, frozen=True):
    """The account's owner trades, or rests an order, past the engine."""

    symbol: str
    what: str  # close, buy, order

    async def act(self, world: World) -> None:
        held = world.exchange.held.get(self.symbol)
        if self.what == "order":
            world.exchange.order_by_hand(self.symbol)
        elif self.what == "buy":
            world.exchange.trade_by_hand(self.symbol, Side.LONG, Decimal("1.5"))
        elif held:
            side = Side.SHORT if held > 0 else Side.LONG
            world.exchange.trade_by_hand(self.symbol, side, abs(held))


class Repeat(Action, frozen=True):
    """The exchange tells something old once more."""

    which: int

    async def act(self, world: World) -> None:
        world.exchange.tell_again(self.which)


class Order(Action, frozen=True):
    """A person gives a command."""

    name: str

    async def act(self, world: World) -> None:
        await world.process.command(self.name)


class Close(Action, frozen=True):
    """A person closes a part of a position, at market or by a limit order."""

    which: int
    quarters: int
    off_percent: int  # of the limit, towards a gain; 0: at market

    async def act(self, world: World) -> None:
        held = list(world.process.state.book.positions.values())
        if not held:
            return
        one, limit = held[self.which % len(held)], None
        if self.off_percent:
            far = Decimal(100 + self.off_percent * one.side.sign) / 100
            tick = world.process.state.instruments[one.symbol].tick_size
            limit = nearest_to(one.mark * far, tick)
        await world.process.command(
            "close_position",
            id=one.id,
            fraction=self.quarters / 4,
            limit_price=limit,
        )


class Cancel(Action, frozen=True):
    """A person cancels whatever order comes to hand; a stop is refused."""

    which: int

    async def act(self, world: World) -> None:
        live = list(world.process.state.book.orders.values())
        if live:
            name = live[self.which % len(live)].intent
            await world.process.command("cancel_order", id=name)


class PauseSymbol(Action, frozen=True):
    """A person pauses one symbol, or lets it go on."""

    symbol: str
    name: str

    async def act(self, world: World) -> None:
        await world.process.command(self.name, symbol=self.symbol)


class Restart(Action, frozen=True):
    """The process dies now; the exchange lives on for a while."""

    down_seconds: int

    async def act(self, world: World) -> None:
        world.process.die()
        await trio.sleep(self.down_seconds)


class Arm(Action, frozen=True):
    """The process, or the risk actor in it, will die at a point of its work."""

    point: CrashPoint
    passing: int
    process: bool

    async def act(self, world: World) -> None:
        def end() -> None:
            raise Crash

        act = world.end_process if self.process else end
        crash.arm(self.point, act, passing=self.passing)
