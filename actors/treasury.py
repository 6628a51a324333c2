"""The money group: who decides, who carries, who asks; they fall and rise together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import trio

from actors.clockguard import ClockVerdict
from actors.domain.freshness import Judgement
from actors.domain.live import LiveRules
from actors.domain.messages import Scanned, Signal
from actors.domain.truth import Look
from actors.domain.views import Publisher
from actors.exchange.port import SimulatedExchange
from actors.journal import Journal
from actors.reconcile import Reconciler
from actors.risk.account.ports import Ports
from actors.risk.account.state import RiskState
from actors.risk.actor import RiskActor
from actors.risk.orders.dispatch import Answered, Dispatcher, Halt
from actors.runtime import (
    ActorRef,
    Budget,
    ChildSpec,
    Latch,
    MailboxSpec,
    Strategy,
    Supervisor,
    SupervisorSpec,
)
from actors.runtime.clock import Clock
from actors.service import Service
from config.library import PresetLibrary
from config.settings import SupervisionGroup

RISK_MAILBOX = MailboxSpec(capacity=65_536)


class Sources(msgspec.Struct, frozen=True):
    """What the money group works with; it outlives every incarnation."""

    engine_id: str
    clock: Clock  # market time
    wall: Clock
    exchange: SimulatedExchange
    journal: Journal
    publisher: Publisher
    state: RiskState
    position_changed: Callable[[str, bool], None]
    reference: Callable[[str], Decimal | None]  # a price that no pipeline made
    root: Callable[[], Supervisor]
    rouse: Callable[[], None]
    scanned: Callable[[], Scanned]
    refused: Callable[[Signal], None]
    presets: PresetLibrary
    clock_verdict: Callable[[], ClockVerdict]
    feed: Callable[[str], Judgement | None]  # how old a symbol's data is
    live: LiveRules | None
    shut: Callable[[], str | None]


class Treasury:
    """Makes the incarnations of dispatcher, risk actor and reconciler."""

    def __init__(self, halt: Halt, in_hand: Latch) -> None:
        self.halt = halt
        self.in_hand = in_hand  # what a simulated market waits for
        self.sources: Sources  # set before the tree is drawn
        self._sends: trio.Nursery  # set before the tree runs, and outlives it
        self._last: list[Answered] = []  # to sends that the risk actor did not outlive
        self._dispatcher: Dispatcher
        self.risk: RiskActor  # the present incarnation

    def group(self, limits: SupervisionGroup) -> SupervisorSpec:
        """Draw the group: one failure starts all three again, once."""
        return SupervisorSpec(
            "money",
            (
                ChildSpec("dispatch", self._make_dispatch, shutdown_seconds=0.0),
                ChildSpec("risk", self._make_risk, mailbox=RISK_MAILBOX),
                ChildSpec("reconcile", self._make_reconciler),
            ),
            strategy=Strategy.ONE_FOR_ALL,
            group_budget=Budget(limits.core_restarts_max, limits.core_period_seconds),
            budget=Budget(0, limits.core_period_seconds),
        )

    @property
    def ref(self) -> ActorRef[Any]:
        """The risk actor's address, known before the tree has wholly started."""
        return self.risk.context.ref

    def _make_dispatch(self) -> Service:
        exchange = self.sources.exchange
        self._dispatcher = Dispatcher(
            exchange, self.halt, self._answered_late, self._sends
        )
        return Service(self._dispatcher.run)

    def _answered_late(self, late: Answered) -> None:
        if self.ref.closed is None:
            self.ref.tell(late)
        else:
            self._last.append(late)

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Let sends that are under way end after everything else has; 10 s at most.

        Their answers are journalled: a restart then has the less to ask.
        """
        failure = None
        async with trio.open_nursery() as self._sends:
            try:
                yield
            except Exception as fault:  # noqa: BLE001 - goes on, without a group around it
                failure = fault
        if failure is not None:
            raise failure
        for late in self._last:
            await self.risk.hear_last(late)

    def _make_reconciler(self) -> Reconciler:
        return Reconciler(self.sources.exchange, lambda: self.ref, self.in_hand)

    def _look(self, look: Look) -> None:
        self.in_hand.add()
        self.sources.root().ref("reconcile").tell_tracked(look, self.in_hand)

    def _make_risk(self) -> RiskActor:
        sources = self.sources
        ports = Ports(
            engine_id=sources.engine_id,
            clock=sources.clock,
            wall=sources.wall,
            exchange=sources.exchange,
            dispatcher=self._dispatcher,
            halt=self.halt,
            journal=sources.journal,
            publisher=sources.publisher,
            position_changed=sources.position_changed,
            look=self._look,
            rouse=sources.rouse,
            reference=sources.reference,
            scanned=sources.scanned,
            refused=sources.refused,
            presets=sources.presets,
            clock_verdict=sources.clock_verdict,
            feed=sources.feed,
            live=sources.live,
            shut=sources.shut,
        )
        self.risk = RiskActor(ports, sources.state)
        return self.risk
