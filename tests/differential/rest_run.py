"""Runs the REST plan of one exchange and writes down requests, values and errors."""

from collections.abc import Callable
from itertools import chain, islice
from typing import Any

from tests.differential.canon import canonical, described, portless
from tests.differential.frozen import Frozen
from tests.differential.loopback import Loopback
from tests.differential.plan import Call, endpoints, failures, make, unified

SECONDS_MAX = 30.0
#: Making one takes as long as ten calls; what a call leaves behind is compared too.
CALLS_OF_ONE_OBJECT = 50
#: With so few endpoints it is a quick run, and a third of the calls is enough.
SAMPLED = 100
RENEWING = ("load_markets", "fetch_markets", "fetch_currencies")

Write = Callable[[str, dict[str, Any]], None]
_loopback = Loopback()
_frozen = Frozen()


def redirected(exchange_class: Any) -> Any:
    """Give a class whose requests all go to loopback; what is signed stays as it is."""

    async def fetch(
        self: Any, url: str, method: str = "GET", headers: Any = None, body: Any = None
    ) -> Any:
        _, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        self.asked.append(f"{method} {host}")
        # The number of the call tells its requests from late ones of the call before.
        there = f"http://127.0.0.1:{_loopback.port}/{self.number}{slash}{path}"
        self.under_way.append(there)
        self.abreast = max(self.abreast, len(self.under_way))
        ended = False
        try:
            answer = await exchange_class.fetch(self, there, method, headers, body)
            ended = True
        except Exception:
            ended = True
            raise
        finally:
            self.under_way.remove(there)
            self.cut += not ended
        return answer

    async def sleep(self: Any, milliseconds: float) -> None:
        del self, milliseconds

    return type(
        exchange_class.__name__,
        (exchange_class,),
        {
            "fetch": fetch,
            "sleep": sleep,
            "asked": [],
            "under_way": [],
            "number": 0,
            "cut": 0,
            "abreast": 0,
        },
    )


async def run(loop: Any, exchange_class: Any, most: int, write: Write) -> None:
    """Ask the exchange everything of the plan."""
    cls = redirected(exchange_class)
    _frozen.install()
    exchange = _fresh(cls)
    step = 1 if most > SAMPLED else 3
    asked = islice(unified(exchange), 0, None, step)
    calls = list(chain(asked, failures(exchange), endpoints(exchange, most)))
    for number, call in enumerate(calls):
        if number % CALLS_OF_ONE_OBJECT == 0 or call.method.startswith(RENEWING):
            await exchange.close()
            exchange = _fresh(cls)
        exchange.number = number
        write(call.name, await _asked(loop, exchange, call))
    await exchange.close()


def _fresh(cls: Any) -> Any:
    _frozen.rewind()
    return make(cls)


async def _asked(loop: Any, exchange: Any, call: Call) -> dict[str, Any]:
    _frozen.rewind()
    exchange.asked.clear()
    exchange.cut = exchange.abreast = 0
    _loopback.forget()
    _loopback.script = call.script
    method = getattr(exchange, call.method)
    job = loop.start(lambda: method(*call.arguments))
    waited = 0
    # Stock lets the siblings of a request that failed run on.
    while (not job.done or exchange.under_way) and waited < SECONDS_MAX * 1000:
        await loop.sleep(0 if waited < 50 else 0.001)
        waited += 1
    job.cancel()
    return {
        "outcome": portless(described(job)),
        "requests": _requests(exchange, call),
        "asked": sorted(exchange.asked),
        # Of requests that go abreast, either may fail first.
        "cut": exchange.cut or (job.error is not None and exchange.abreast > 1),
        "state": canonical([sorted(exchange.markets), len(exchange.currencies)]),
    }


def _requests(exchange: Any, call: Call) -> list[str]:
    """Give what was sent; stock sends a read again when a kept connection breaks."""
    every = (raw.decode("latin-1") for raw in _loopback.requests)
    own = (f"/{exchange.number}/", "/elsewhere")
    sent = sorted(raw for raw in every if raw.split(" ")[1].startswith(own))
    if call.script.fault in {"reset", "hang_up"}:
        sent = sorted({*sent})
    return [portless(raw) for raw in sent]
