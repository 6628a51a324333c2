"""Follows what one symbol found through the machine, and journals what came of it."""

from typing import assert_never

from actors.domain.messages import (
    Armed,
    Candidate,
    Disarmed,
    ExitSignal,
    Findings,
    LevelsBuilt,
    Signal,
    WhyNot,
)
from actors.journal import Kind
from actors.risk.account.desk import Decision, Desk
from actors.risk.holding.protection import Protection


class Follower:
    """Lets the global state follow the symbols' work."""

    def __init__(self, desk: Desk, protection: Protection) -> None:
        self._desk = desk
        self._protection = protection

    async def follow(self, findings: Findings) -> list[Signal]:
        """Follow one symbol's bar through the machine; return its signals.

        Every Signal or WhyNot ends the one candidate of its bar.
        """
        symbol, signals = findings.symbol, []
        candidate: Candidate | None = None
        for item in findings.items:
            match item:
                case Candidate():
                    candidate = item
                    self._desk.state.counts["candidates"] += 1
                case Signal():
                    signals.append(item)
                    self._decide("signal", symbol, candidate, item)
                case WhyNot():
                    self._decide("whynot", symbol, candidate, item)
                    self._desk.tell_why(symbol, item)
                case ExitSignal():
                    await self._strategy_exit(symbol, item)
                case _:
                    self._stage(symbol, item)
        self._desk.state.building = None
        self._desk.lead("scanning on", symbol)
        return signals

    def _stage(self, symbol: str, item: LevelsBuilt | Armed | Disarmed) -> None:
        """Let the global state follow a symbol that builds, arms or disarms."""
        state = self._desk.state
        match item:
            case LevelsBuilt():
                state.building = symbol
                self._desk.lead(f"{item.count} levels", symbol)
            case Armed():
                state.armed[symbol] = item.correlation
                self._desk.lead(f"armed at {item.level}", symbol)
            case Disarmed():
                state.armed.pop(symbol, None)
            case _:
                assert_never(item)

    def _decide(
        self,
        outcome: str,
        symbol: str,
        candidate: Candidate | None,
        finding: Signal | WhyNot,
    ) -> None:
        """Journal what a candidate came to, and count it exactly once."""
        self._desk.state.counts[f"candidates_{outcome}"] += 1
        row = Decision(
            correlation=finding.correlation,
            outcome=outcome,
            finding=finding,
            score=None if candidate is None else candidate.score,
            notes=() if candidate is None else candidate.notes,
        )
        self._desk.append(Kind.DECISION, row, symbol, finding.correlation)

    async def _strategy_exit(self, symbol: str, wish: ExitSignal) -> None:
        position = self._desk.book.positions.get(symbol)
        if position is not None and position.side is wish.side:
            await self._protection.close(position, wish.reason)
