"""Manages open positions by the closed bars of the pipeline's timeframe."""

from collections.abc import Awaitable, Callable

import msgspec

from actors.domain import exits
from actors.domain.ledger import Position
from actors.domain.messages import WatchedBar
from actors.domain.phases import TradePhase
from actors.risk.account.desk import Desk
from actors.risk.holding.closing import TARGET
from actors.risk.holding.protection import Protection


class Watching:
    """Joins finer bars to whole ones and does what the exit rules say."""

    def __init__(
        self, desk: Desk, protection: Protection, tend: Callable[[str], Awaitable[None]]
    ) -> None:
        self._desk = desk
        self._protection = protection
        self._tend = tend
        #: By symbol: of which position, and its finer bars on their way to a whole one.
        self._forming: dict[str, tuple[str, WatchedBar]] = {}

    async def bar(self, bar: WatchedBar) -> None:
        """Manage the symbol's position by one closed bar of the pipeline's timeframe.

        Finer bars only move the mark until they complete one.
        """
        position = self._desk.book.positions.get(bar.symbol)
        if position is None:
            self._forming.pop(bar.symbol, None)
            return
        held, forming = self._forming.pop(bar.symbol, ("", bar))
        whole = _merged(forming, bar) if held == position.id else bar
        if bar.ts_ms % self._desk.state.timeframe_ms:
            self._forming[bar.symbol] = (position.id, whole)
            self._desk.store(msgspec.structs.replace(position, mark=bar.close))
        elif position.open and position.phase is not TradePhase.ENTRY:
            await self._manage(position, whole)
        await self._tend(bar.symbol)

    async def _manage(self, position: Position, bar: WatchedBar) -> None:
        rules = self._desk.preset.position_config
        instrument = self._desk.state.instruments[position.symbol]
        plan = exits.manage(position, bar, rules, instrument)
        self._desk.store(plan.position)
        if plan.exit_reason is not None:
            await self._protection.close(plan.position, plan.exit_reason)
        elif plan.stop is not None:
            await self._protection.move_stop(plan.position, plan.stop)
        await self._take_profit(position.symbol)
        held = self._desk.book.positions[position.symbol]
        self._desk.publish("positions", "POSITION_UPDATE", self._protection.view(held))

    async def _take_profit(self, symbol: str) -> None:
        """Take the next target at market where none rests.

        It cannot beside a stop that locks; else it was refused or lost, or a crash
        came before it.
        """
        position = self._desk.book.positions.get(symbol)
        if position is None or position.close_wanted or position.part_wanted:
            return
        closing = self._protection.closing
        if closing.under_way(position) or closing.targets(position):
            return
        if symbol in self._desk.state.not_held:  # nothing could be sold
            return
        due = exits.target_due(position, self._desk.state.instruments[symbol])
        if due is not None:
            number, part = due
            await self._protection.close_part(position, part, f"{TARGET}{number}")


def _merged(first: WatchedBar, then: WatchedBar) -> WatchedBar:
    """Join two consecutive bars into one."""
    return WatchedBar(
        symbol=then.symbol,
        ts_ms=then.ts_ms,
        open=first.open,
        high=max(first.high, then.high),
        low=min(first.low, then.low),
        close=then.close,
        volume=first.volume + then.volume,
    )
