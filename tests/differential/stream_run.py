"""Runs every watch of an exchange, feeds it the example frames, writes it all down.

A watch is over, or waits for more, when nothing moves any more on its side. Then the
exchange says every example frame that ccxt ships for it, and a last word that shows
that all of them were handled.
"""

import gzip
import inspect
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from urllib.parse import quote, unquote

from tests.differential.canon import canonical, described, portless
from tests.differential.examples import all_examples
from tests.differential.frozen import Frozen
from tests.differential.loopback import BINARY, TEXT, Loopback, Script
from tests.differential.plan import ARGUMENTS, SWAP, make
from tests.differential.recorded import recorded_frames

Write = Callable[[str, dict[str, Any]], None]

LAST_WORD = "the end of the examples"
FRAMES_MAX = 150
ROUNDS = 3
CALM_TURNS = 60
TURNS_MAX = 4_000
SHOWN_CHARS = 300
HANDLERS = ("handle_", "parse_ws", "watch_", "parse_", "ping", "pong")
REST_ANSWER = {
    "listenKey": "key",
    "token": "token",
    "code": "0",
    "success": True,
    "result": {"listenKey": "key", "token": "token"},
    "data": {
        "listenKey": "key",
        "token": "token",
        "instanceServers": [{"endpoint": "wss://ws.example/x", "pingInterval": 18_000}],
    },
    "bids": [["30000", "1"]],
    "asks": [["30001", "2"]],
    "lastUpdateId": 1,
}
_loopback = Loopback()
_frozen = Frozen()
_numbers = count()


def _there(url: str) -> str:
    return f"ws://127.0.0.1:{_loopback.port}/?{quote(url, safe='')}"


class Watched:
    """What both sides do differently from an exchange in the wild; all is written."""

    original: Any
    loop: Any

    def __init__(self, config: Any) -> None:
        self.under_way: list[str] = []
        self.resolved: list[str] = []
        self.handled: list[str] = []
        self.sent = 0
        self.last_words = 0
        self.cut = 0
        self.number = next(_numbers)
        super().__init__(config)

    async def fetch(
        self: Any, url: str, method: str = "GET", headers: Any = None, body: Any = None
    ) -> Any:
        """Ask loopback."""
        _, _, rest = url.partition("://")
        _, slash, path = rest.partition("/")
        # The number of the call tells its requests from late ones of the call before.
        there = f"http://127.0.0.1:{_loopback.port}/{self.number}{slash}{path}"
        self.under_way.append(there)
        ended = False
        try:
            answer = await self.original.fetch(self, there, method, headers, body)
            ended = True
        except Exception:
            ended = True
            raise
        finally:
            self.under_way.remove(there)
            self.cut += not ended
        return answer

    async def sleep(self: Any, _milliseconds: float) -> None:
        """Let the others run, and do not wait."""
        await self.loop.sleep(0)

    def delay(self: Any, timeout: float, method: Any, *arguments: Any) -> Any:
        """Do soon what is due soon, and never what is due in a minute."""
        self.resolved.append(f"delayed {method.__name__} by {timeout}")
        if timeout < 30_000:
            return self.spawn(method, *arguments)
        return None

    def handle_message(self: Any, client: Any, message: Any) -> None:
        """Handle a frame and write down what its handler raises."""
        if message == LAST_WORD:
            self.last_words += 1
            return
        try:
            self.original.handle_message(self, client, message)
        except Exception as error:  # noqa: BLE001 - it is what is compared
            self.handled.append(f"{type(error).__name__}: {error}"[:SHOWN_CHARS])

    def client(self: Any, url: str) -> Any:
        """Give the exchange's client with its doors watched."""
        client = self.original.client(self, url)
        if "watched" not in vars(client):
            client.watched = True
            self._watch_doors(client)
        return client

    def _watch_doors(self: Any, client: Any) -> None:
        resolve, reject, send = client.resolve, client.reject, client.send

        def resolved(result: Any, message_hash: Any) -> Any:
            self.resolved.append(f"{message_hash}: {canonical(result)}"[:SHOWN_CHARS])
            return resolve(result, message_hash)

        def rejected(result: Any, message_hash: Any = None) -> Any:
            text = f"{message_hash} rejected: {type(result).__name__} {result}"
            self.resolved.append(text[:SHOWN_CHARS])
            return reject(result, message_hash)

        async def sent(message: Any) -> Any:
            self.sent += 1
            return await send(message)

        client.resolve, client.reject, client.send = resolved, rejected, sent


def _redirect_dials() -> None:
    if "actors.exchange.ccxtrio" in sys.modules:
        from actors.exchange.ccxtrio.client import SocketClient  # noqa: PLC0415

        SocketClient.dialled_url = lambda self: _there(self.url)
        return
    from ccxt.async_support.base.ws.client import Client  # noqa: PLC0415

    create = Client.create_connection

    def create_connection(self: Any, session: Any) -> Any:
        url, self.url = self.url, _there(self.url)
        try:
            return create(self, session)  # reads the url at once
        finally:
            self.url = url

    Client.create_connection = create_connection


_redirect_dials()


async def run(loop: Any, exchange_class: Any, most: int, write: Write) -> None:
    """Ask for every stream of the exchange."""
    del most
    body = {"original": exchange_class, "loop": loop}
    cls = type(exchange_class.__name__, (Watched, exchange_class), body)
    _frozen.install()
    frames = [json.dumps(payload) for payload in all_examples(exchange_class, HANDLERS)]
    for name, arguments in _watches(exchange_class):
        shown = ",".join(map(str, arguments[:1]))
        record = await _watch(loop, cls, name, arguments, frames[:FRAMES_MAX])
        write(f"{name}({shown})", record)


def _watches(cls: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for name in sorted(dir(cls)):
        function = getattr(cls, name)
        if not name.startswith(("watch_", "un_watch_")) and not name.endswith("_ws"):
            continue
        if not inspect.iscoroutinefunction(function):
            continue
        if not function.__module__.startswith(("ccxt.pro.", "ccxt.prediction.")):
            continue
        parameters = list(inspect.signature(function).parameters)[1:]
        parameters = [each for each in parameters if each != "params"]
        if not set(parameters) <= set(ARGUMENTS):
            continue  # a part of the exchange's own machinery
        known = tuple(ARGUMENTS[each] for each in parameters)
        yield name, known
        if "symbol" in parameters:
            place = parameters.index("symbol")
            yield name, (*known[:place], SWAP, *known[place + 1 :])


async def _watch(
    loop: Any, cls: Any, name: str, arguments: tuple[Any, ...], frames: list[str]
) -> dict[str, Any]:
    _frozen.rewind()
    exchange = make(cls)
    if loop.nursery is not None:
        exchange.attach(loop.nursery)
    exchange.open()
    _frozen.rewind()
    _loopback.forget()
    code = "200000" if exchange.id.startswith("kucoin") else "0"
    answer = json.dumps({**REST_ANSWER, "code": code})
    _loopback.script = Script(200, answer.encode())
    job = loop.start(lambda: getattr(exchange, name)(*arguments))
    await _settled(loop, exchange)
    for _ in range(ROUNDS):
        before = exchange.sent
        if job.done or not exchange.clients:
            break
        await _told(loop, exchange, frames)
        await _settled(loop, exchange)
        if exchange.sent == before:
            break
    record = _record(job, exchange)
    job.cancel()
    await loop.sleep(0)
    await exchange.close()
    _loopback.hang_up()
    return record


async def _told(loop: Any, exchange: Any, frames: list[str]) -> None:
    """Say examples, recorded frames and the last word; wait until that is heard."""
    options = exchange.safe_dict(exchange.options, "ws", {})
    zipped = {**exchange.streaming, **options}
    for frame in frames:
        if zipped.get("gunzip"):
            _loopback.say(gzip.compress(frame.encode(), mtime=0), BINARY)
        elif zipped.get("inflate"):
            deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            _loopback.say(deflater.compress(frame.encode()) + deflater.flush(), BINARY)
        else:
            _loopback.say(frame.encode(), TEXT)
    for opcode, payload in recorded_frames(exchange.id):
        _loopback.say(payload, opcode)
    awaited = exchange.last_words + _loopback.say(LAST_WORD.encode(), TEXT)
    for _ in range(TURNS_MAX):
        if exchange.last_words >= awaited or not exchange.clients:
            return
        await loop.sleep(0.001)


async def _settled(loop: Any, exchange: Any) -> None:
    """Wait until nothing has moved for a good number of turns of the loop."""
    calm, before = 0, None
    for _ in range(TURNS_MAX):
        await loop.sleep(0)
        clients = list((exchange.clients or {}).values())
        dialling = any(client.connecting for client in clients)
        busy = exchange.under_way or dialling or exchange.sent > len(_loopback.frames)
        now = (exchange.sent, len(exchange.resolved), len(clients))
        calm = calm + 1 if now == before and not busy else 0
        before = now
        if calm >= CALM_TURNS:
            return
        if busy:
            await loop.sleep(0.001)


def _record(job: Any, exchange: Any) -> dict[str, Any]:
    left = [
        f"{url}: {_names(client.subscriptions)} {_names(client.futures)}"
        for url, client in sorted((exchange.clients or {}).items())
    ]
    every = (raw.decode("latin-1") for raw in _loopback.requests)
    own = f"/{exchange.number}/"
    requests = sorted(raw for raw in every if raw.split(" ")[1].startswith(own))
    frames: dict[str, list[str]] = {}
    for path, text in _loopback.frames:
        frames.setdefault(unquote(path), []).append(text)
    return {
        "outcome": portless(described(job)),
        # In order on each socket; pongs, which come from tasks of their own, apart.
        "frames": [
            f"{path} {text}"
            for path in sorted(frames)
            for text in sorted(frames[path], key=lambda text: "pong" in text.lower())
        ],
        "dialled": left,
        # In order under each hash: requests that run side by side end in any order.
        "resolved": sorted(map(portless, exchange.resolved), key=_hash),
        "handled": exchange.handled,
        "cut": exchange.cut,
        "requests": [portless(raw) for raw in requests],
    }


def _names(of: Any) -> list[str]:
    return sorted(map(str, of))


def _hash(resolved: str) -> str:
    return resolved.partition(": ")[0]
