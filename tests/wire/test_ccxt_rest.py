"""REST of a ccxt exchange over loopback: bytes, errors, deadlines, cancellation."""

import gzip
import socket
import threading
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from actors.domain.errors import ExchangeError as EngineError
from actors.domain.errors import Unsent
from actors.exchange.ccxtrio import body, carrier, importing
from actors.exchange.ccxtrio.classes import Family, exchange_class
from actors.exchange.gate import Limiter, terms_of
from tests.gates import Gated
from tests.wire.ccxt_world import until
from tests.wire.http_peer import Heard, answering

from ccxt.base import errors  # isort: skip - after the adapter

pytestmark = pytest.mark.usefixtures("no_asyncio_loop")


def kraken(**config: Any) -> Any:
    return exchange_class("kraken", Family.REST)({"enableRateLimit": False, **config})


async def ask(address: str, script_path: str = "/x", **config: Any) -> Any:
    exchange = kraken(**config)
    try:
        return await exchange.fetch(address + script_path)
    finally:
        await exchange.close()


async def test_an_answer_comes_decoded() -> None:
    async def script(heard: Heard) -> None:
        await heard.answer(b'{"a": [1, 2.5, "x"]}')

    async with answering(script) as address:
        assert await ask(address) == {"a": [1, 2.5, "x"]}


async def test_the_signed_target_and_the_names_of_headers_go_out_as_they_are() -> None:
    seen: list[bytes] = []

    async def script(heard: Heard) -> None:
        seen.append(heard.raw)
        await heard.answer(headers="X-Bapi-Limit: 7\r\n")

    target = "/a%2Cb,c?x=%7e(1)&y='q'&z=%41+b|c&j={\"s\":[1]}"
    async with answering(script) as address:
        exchange = kraken()
        headers = {"API-Key": "k", "x-lower": "v"}
        await exchange.fetch(address + target, "POST", headers, "body=ü")
        assert exchange.last_response_headers["X-Bapi-Limit"] == "7"
        await exchange.close()
    line, *rest = seen[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert line == f"POST {target} HTTP/1.1"
    names = [header.split(":")[0] for header in rest]
    expected = ["Host", "API-Key", "x-lower", "User-Agent", "Accept-Encoding", "Accept"]
    assert names == [*expected, "Content-Length", "Content-Type"]
    assert seen[0].endswith("body=ü".encode())


async def test_a_redirect_is_followed_with_its_own_target() -> None:
    lines: list[str] = []

    async def script(heard: Heard) -> None:
        lines.append(heard.line)
        if heard.line.startswith("GET /x"):
            await heard.answer(status=302, headers="Location: /there?b=2\r\n")
        else:
            await heard.answer(b'{"there": true}')

    async with answering(script) as address:
        assert await ask(address, "/x?a=%2C") == {"there": True}
    assert lines == ["GET /x?a=%2C HTTP/1.1", "GET /there?b=2 HTTP/1.1"]


async def test_redirects_have_an_end() -> None:
    asked: list[str] = []

    async def script(heard: Heard) -> None:
        asked.append(heard.line)
        await heard.answer(status=302, headers="Location: /x\r\n")

    async with answering(script) as address:
        with pytest.raises(errors.ExchangeError):
            await ask(address)
    assert len(asked) == carrier.REDIRECTS_MAX


async def test_a_silent_exchange_is_a_request_timeout() -> None:
    async def script(_: Heard) -> None:
        await trio.sleep_forever()

    async with answering(script) as address:
        with pytest.raises(errors.RequestTimeout):
            await ask(address, timeout=100)


async def test_the_deadline_stands_around_a_body_that_trickles() -> None:
    async def script(heard: Heard) -> None:
        await heard.stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await heard.stream.send_all(b" ")
            await trio.sleep(0.02)

    async with answering(script) as address:
        with trio.fail_after(60), pytest.raises(errors.RequestTimeout):
            await ask(address, timeout=200)


async def test_the_callers_own_deadline_is_no_timeout_of_the_exchange() -> None:
    async def script(_: Heard) -> None:
        await trio.sleep_forever()

    async with answering(script) as address:
        with trio.move_on_after(0.1) as patience:
            await ask(address)
    assert patience.cancelled_caught


async def test_a_cancelled_request_hangs_up_and_the_next_is_served() -> None:
    async def script(heard: Heard) -> None:
        if "slow" in heard.line:
            await trio.sleep_forever()
        await heard.answer(b'{"quick": 1}')

    async with answering(script) as address:
        exchange = kraken()
        with trio.move_on_after(0.05):
            await exchange.fetch(address + "/slow")
        assert await exchange.fetch(address + "/quick") == {"quick": 1}
        await exchange.close()


Fault = Callable[[Heard], Awaitable[None]]


async def hang_up(heard: Heard) -> None:
    await heard.stream.aclose()


async def cut_short(heard: Heard) -> None:
    await heard.stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
    await heard.stream.aclose()


async def garbage(heard: Heard) -> None:
    await heard.stream.send_all(b"this is no HTTP\r\n\r\n")


async def bad_gzip(heard: Heard) -> None:
    await heard.answer(b"no gzip", headers="Content-Encoding: gzip\r\n")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (hang_up, errors.ExchangeNotAvailable),
        (cut_short, errors.ExchangeError),
        (garbage, errors.ExchangeError),
        (bad_gzip, errors.ExchangeError),
    ],
)
async def test_a_broken_answer_is_what_stock_calls_it(
    fault: Fault, kind: type[Exception]
) -> None:
    async with answering(fault) as address:
        with pytest.raises(kind) as caught:
            await ask(address)
    assert type(caught.value) is kind
    assert str(caught.value).startswith("kraken GET http://127.0.0.1:")


async def test_nobody_there_is_not_available() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(errors.ExchangeNotAvailable):
        await ask(f"http://127.0.0.1:{port}")


async def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "ANSWER_BYTES_MAX", 1_000_000)

    async def bomb(heard: Heard) -> None:
        zipped = gzip.compress(bytes(20_000_000))
        await heard.answer(zipped, headers="Content-Encoding: gzip\r\n")

    async with answering(bomb) as address:
        with pytest.raises(errors.ExchangeError):
            await ask(address)


async def test_an_endless_body_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "ANSWER_BYTES_MAX", 1_000_000)

    async def endless(heard: Heard) -> None:
        await heard.stream.send_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n"
        )
        while True:
            await heard.stream.send_all(bytes(65_536))

    async with answering(endless) as address:
        with pytest.raises(errors.ExchangeError):
            await ask(address)


async def test_an_answer_may_come_deflated_in_either_way() -> None:
    for bits in (15, -15):
        deflater = zlib.compressobj(wbits=bits)
        zipped = deflater.compress(b'{"a": 1}') + deflater.flush()

        async def script(heard: Heard, zipped: bytes = zipped) -> None:
            await heard.answer(zipped, headers="Content-Encoding: deflate\r\n")

        async with answering(script) as address:
            assert await ask(address) == {"a": 1}


async def test_close_ends_what_is_under_way_and_refuses_what_comes_after() -> None:
    async def script(_: Heard) -> None:
        await trio.sleep_forever()

    ended: list[type[BaseException]] = []
    async with answering(script) as address, trio.open_nursery() as nursery:
        exchange = kraken()

        async def asking() -> None:
            try:
                await exchange.fetch(address + "/x")
            except errors.BaseError as error:
                ended.append(type(error))

        nursery.start_soon(asking)
        await trio.sleep(0.05)
        with trio.fail_after(60):
            await exchange.close()
            await until(lambda: ended)
        assert ended == [errors.ExchangeClosedByUser]
        with pytest.raises(errors.ExchangeClosedByUser):
            await exchange.fetch(address + "/x")


async def test_a_request_goes_through_the_proxy_that_is_set() -> None:
    lines: list[str] = []

    async def proxy(heard: Heard) -> None:
        lines.append(heard.line)
        await heard.answer(b'{"by": "proxy"}')

    async with answering(proxy) as address:
        found = await ask("http://exchange.invalid", "/a%2Cb", httpProxy=address)
    assert found == {"by": "proxy"}
    assert lines == ["GET http://exchange.invalid/a%2Cb HTTP/1.1"]


async def test_two_proxies_are_one_too_many() -> None:
    proxies = {"httpProxy": "http://127.0.0.1:1", "aiohttp_proxy": "http://127.0.0.1:2"}
    with pytest.raises(errors.NotSupported):
        await ask("http://127.0.0.1:3", **proxies)


async def test_no_thread_is_started() -> None:
    async def script(heard: Heard) -> None:
        await heard.answer()

    before = threading.active_count()
    async with answering(script) as address:
        exchange = kraken()
        for _ in range(5):
            await exchange.fetch(address + "/x")
            assert threading.active_count() == before
        await exchange.close()


async def test_connections_are_kept_and_closed() -> None:
    streams: set[int] = set()

    async def script(heard: Heard) -> None:
        streams.add(id(heard.stream))
        await heard.answer()

    async with answering(script) as address:
        exchange = kraken()
        for _ in range(5):
            await exchange.fetch(address + "/x")
        assert len(streams) == 1
        await exchange.close()


async def test_one_limiter_may_serve_several_objects() -> None:
    limiter = Limiter({"refillRate": 1 / 1000, "capacity": 1})
    first, second = kraken(limiter=limiter), kraken(limiter=limiter)
    assert first.throttler is second.throttler is limiter
    assert kraken().throttler is not limiter


async def test_a_gate_takes_each_request_and_what_became_of_it() -> None:
    asked: list[bytes] = []

    async def script(heard: Heard) -> None:
        asked.append(heard.raw)
        await heard.answer(status="418 I'm a teapot", headers="Retry-After: 90\r\n")

    gated = Gated(terms_of("kraken"))
    async with answering(script) as address:
        exchange = kraken(gate=gated.gate)
        with pytest.raises(errors.DDoSProtection):
            await exchange.fetch(address + "/x")  # also where ccxt limits nothing
        with pytest.raises(Unsent, match="kraken is not asked for another 9"):
            await exchange.fetch(address + "/x")
        await exchange.close()
    seen = gated.gate.view()
    assert (seen.requests, seen.refused, len(asked)) == (1, 1, 1)


async def test_a_broken_line_is_told_to_the_gate_and_ccxt_asks_with_a_new_ticket() -> (
    None
):
    gated, heard = Gated(terms_of("kraken")), 0

    async def script(peer: Heard) -> None:
        nonlocal heard
        heard += 1
        await peer.stream.aclose()

    async with answering(script) as address:
        exchange = kraken(gate=gated.gate, enableRateLimit=True)
        exchange.urls["api"]["public"] = address
        exchange.options["maxRetriesOnFailure"] = 2
        with pytest.raises(errors.NetworkError):
            await exchange.public_get_time()
        await exchange.close()
    seen = gated.gate.view()
    assert (seen.requests, heard, seen.failures) == (3, 3, {"network": 3})
    assert seen.weight_used == 3


def test_an_unknown_exchange_is_named_with_what_is_close() -> None:
    with pytest.raises(EngineError, match=r"'binanc'.*binance"):
        exchange_class("binanc")


def test_another_version_of_ccxt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "CCXT_VERSION", "0.0.1")
    monkeypatch.delitem(importing.sys.modules, "ccxt")
    with pytest.raises(EngineError, match=r"made for 0\.0\.1"):
        importing.install()
