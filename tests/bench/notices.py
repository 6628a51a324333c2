"""What notices cost the engine's loop: off, taken, refused, and never answered.

`python -m tests.bench.notices` prints JSON: the lateness of a 2 ms timer (ms) while 200
alerts a second are published, and the price of one `publish` (us).
"""

import json
import time

import trio

from actors.domain.messages import Alert, Published
from config.outside import NoticesGroup
from config.secrets import Secret
from control.notices.channels import open_channels
from control.notices.office import Office
from tests.engines import TestClock
from tests.wire.listeners import OK, REFUSED, Answer, hang, listening

SECONDS = 8.0
ALERTS_PER_SECOND = 200
PROBE_SECONDS = 0.002
SETTINGS = NoticesGroup(
    schemes="json",
    minimum="info",
    digest_below="info",
    gap_seconds=1,
    send_seconds_max=2,
)


def alert(number: int) -> Published:
    # Letters, not digits: each is another notice.
    name = "".join(chr(97 + int(digit)) for digit in str(number))
    fact = Alert(number, "internal", "error", "bench", None, f"failed {name}", "none")
    return Published("alerts", "ALERT", number, fact)


async def lateness(office: Office | None) -> dict[str, float]:
    late: list[float] = []
    spent = 0

    async def publish() -> None:
        nonlocal spent
        for number in range(int(SECONDS * ALERTS_PER_SECOND)):
            if office is not None:
                fact = alert(number)
                begun = time.perf_counter_ns()
                office.publish(fact)
                spent += time.perf_counter_ns() - begun
            await trio.sleep(1 / ALERTS_PER_SECOND)

    async with trio.open_nursery() as nursery:
        if office is not None:
            nursery.start_soon(office.run)
        nursery.start_soon(publish)
        end = trio.current_time() + SECONDS
        while trio.current_time() < end:
            due = trio.current_time() + PROBE_SECONDS
            await trio.sleep_until(due)
            late.append((trio.current_time() - due) * 1e3)
        nursery.cancel_scope.cancel()
    late.sort()
    return {
        "late_p50_ms": round(late[len(late) // 2], 3),
        "late_p99_ms": round(late[len(late) * 99 // 100], 3),
        "publish_us": round(spent / 1e3 / (SECONDS * ALERTS_PER_SECOND), 2),
    }


async def told(answer: Answer | bytes) -> dict[str, float]:
    async with listening(answer) as listener:
        url = Secret(f"a=json://127.0.0.1:{listener.port}/?rto=2")
        office = Office(
            open_channels(SETTINGS, url),
            SETTINGS,
            sender="bench",
            wall=TestClock(),
            alarm=lambda *_: None,
        )
        return await lateness(office) | {"letters": len(listener.heard)}


async def measure() -> dict[str, dict[str, float]]:
    found = {}
    for turn in ("first", "second"):
        found[f"off_{turn}"] = await lateness(None)
        found[f"taken_{turn}"] = await told(OK)
        found[f"refused_{turn}"] = await told(REFUSED)
        found[f"hanging_{turn}"] = await told(hang)
    return found


if __name__ == "__main__":
    print(json.dumps(trio.run(measure), indent=1))
