"""The way to a real market: hot streams where there are, through ccxt everywhere else.

Whatever the way, what is not urgent is asked again where the table of faults says that
it helps, and the clock has a line of its own that waits behind no scan.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import TypeVar

import msgspec
import structlog

from actors.domain.messages import Alert
from actors.exchange.gate import (
    Bans,
    Gate,
    Lane,
    beside_ccxt,
    in_lane,
    retried,
    terms_of,
)
from actors.market.live.dialect import Ask, Question, questions
from actors.market.live.exchanges import DIALECTS
from actors.market.live.foreign import foreign
from actors.market.live.opening import Way
from actors.market.live.repair import Fetch
from actors.market.live.rest import public_rest
from config.settings import Settings

log = structlog.get_logger(component="clock")

REAL = "exchange:"
#: Before an id: through ccxt, also where there are hot streams.
VIA_CCXT = "ccxt-"
CANDLES_PER_ASK = 1_000  # asked for at once; ccxt makes pages of it
#: How long a question to the exchange is asked again and again.
PATIENCE_SECONDS = 90.0

T = TypeVar("T")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A way, and what only the run needs of it."""

    way: Way
    clock: Fetch  # never behind scans
    gates: tuple[Gate, ...] = ()


@asynccontextmanager
async def way_to(settings: Settings, bans: Bans) -> AsyncIterator[Asked]:
    """Open the way for the length of a block.

    Raises MarketDataError: nobody knows the exchange.
    """
    name, where = settings.market.spec.removeprefix(REAL), settings.streams
    random = Random(settings.engine.seed)  # noqa: S311 - pauses, no secret
    if name in DIALECTS:
        dialect = DIALECTS[name]
        gate = Gate(terms_of(name), bans, bans.clock, alarm)
        async with (
            public_rest(dialect, gate, where.rest_url) as rest,
            public_rest(dialect, gate, where.rest_url) as line,
        ):
            patient = _patient(rest, random, gate.tally.retry)
            way = Way(dialect=dialect, fetch=rest, patient=patient, door=gate)
            yield Asked(way=way, clock=_prompt(line), gates=(gate,))
        return
    from control.shell.foreign import joined  # noqa: PLC0415 - it loads ccxt

    ccxt_name = name.removeprefix(VIA_CCXT)
    gate = ccxt_gate(ccxt_name, bans)
    async with joined(ccxt_name, where, gate) as one:
        dialect = foreign(name, CANDLES_PER_ASK)
        patient = _patient(one, random, gate.tally.retry)
        way = Way(dialect=dialect, fetch=one, patient=patient, source=one)
        yield Asked(way=way, clock=_prompt(one), gates=(gate,))


def ccxt_gate(name: str, bans: Bans) -> Gate:
    """Make the gate of an exchange to whose rate ccxt keeps: it minds the bans.

    A ban is of the exchange, whichever of its markets (`-spot`, `-swap`) is asked.
    """
    exchange_id, _, _ = name.partition("-")
    return Gate(beside_ccxt(exchange_id), bans, bans.clock, alarm)


def _prompt(rest: Fetch) -> Fetch:
    """Let the clock be asked before all scans: a wait would count as the way."""

    async def fetch(ask: Ask) -> bytes:
        with in_lane(Lane.RECONCILE):
            return await rest(ask)

    return fetch


def _patient(
    rest: Fetch, random: Random, note: Callable[[], None] = lambda: None
) -> Question:
    """Ask again where the table of faults says that it helps."""
    once = questions(rest)

    async def asked(ask: Ask, read: Callable[[bytes], T]) -> T:
        return await retried(
            partial(once, ask, read),
            within_seconds=PATIENCE_SECONDS,
            random=random,
            note=note,
        )

    return asked


def alarm(alert: Alert) -> None:
    """Log what happens before there is an engine to tell."""
    log.warning("exchange_gate", message=alert.message, action=alert.action)
