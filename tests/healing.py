"""The second half of every life: all faults end, and everything must agree."""

from collections import Counter
from typing import Any

import msgspec

from actors.domain.crash_points import CrashPoint
from actors.domain.phases import Phase
from actors.runtime import crash
from tests.invariants import Broken, check
from tests.money_world import World

#: After the last fault everything must agree within this time: the balance is looked at
#: every five minutes, and a difference acts when it is seen twice.
HEALED_SECONDS_MAX = 700.0
#: The kill switch goes on trying to close what somebody else has closed, ever slower.
SENT_MAX = 6
STEPS = (
    CrashPoint.RECOVERY_REPLAYED,
    CrashPoint.RECOVERY_FETCHED,
    CrashPoint.RECOVERY_FILLED,
    CrashPoint.RECOVERY_SETTLED,
)


async def heal(world: World) -> None:
    """End every fault and demand agreement; then recover again and change nothing."""
    exchange = world.exchange
    crash.disarm()
    for faults in (exchange.fates, exchange.cancel_fates, exchange.fetch_faults):
        faults.clear()
    waited = 0.0
    while True:
        await _work_again(world)
        await world.wait(10.0, step_seconds=5.0)
        waited += 10.0
        try:
            check("healed", world)
            break
        except Broken:
            if waited >= HEALED_SECONDS_MAX:
                raise
    await world.check_whole()
    await _rest(world)
    await _recover_again(world)


async def _rest(world: World) -> None:
    """See that it stays so, and that nothing is sent again and again."""
    already = len(world.exchange.sent)
    await world.wait(30.0, step_seconds=5.0)
    check("healed", world)
    sent = Counter(request.symbol for request in world.exchange.sent[already:])
    if sent and max(sent.values()) > SENT_MAX:
        raise Broken(14, f"at rest, and orders are sent without end: {sent}")


async def _work_again(world: World) -> None:
    process = world.process
    if process.dead:
        await world.bring_up()
    phase = process.actor.desk.machine.phase
    if phase is Phase.ERROR:
        await process.command("retry" if process.running else "reset")
    if not process.running:  # a kill switch that was on goes on
        await process.start()


def _facts(world: World) -> Any:
    """What a recovery must leave alone."""
    book = world.process.state.book
    positions = {p.id: (p.open, p.entry, p.stop) for p in book.positions.values()}
    sure = {
        name for name, o in book.orders.items() if o.request.symbol not in book.halted
    }
    kill = book.kill
    if kill is not None:  # in a halted symbol it goes on trying
        sound = {s: e for s, e in kill.efforts.items() if s not in book.halted}
        kill = msgspec.structs.replace(kill, efforts=sound)
    return positions, sure, book.cash, kill, dict(book.halted)


async def _recover_again(world: World) -> None:
    """Recover once, and once more through a death at each step of the recovery."""
    before, sent = _facts(world), len(world.exchange.sent)
    await world.process.journal.commit()
    for point in (None, *STEPS):
        world.process.die()
        if point is not None:
            crash.arm(point, world.end_process)
        await world.bring_up()
        crash.disarm()
        await world.wait(5.0)
        halted = world.process.state.book.halted
        new = [r for r in world.exchange.sent[sent:] if r.symbol not in halted]
        after = _facts(world)
        if after != before or new:
            evidence = f"at {point}: {before}\n  then {after}\n  sent {new}"
            raise Broken(15, evidence)
        await world.process.journal.commit()
    await world.check_whole()
