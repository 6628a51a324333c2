"""Streams of a ccxt exchange: order, errors, cancellation, silence, closing."""

import logging
import threading
import zlib
from functools import partial
from typing import Any

import psutil
import pytest
import trio
from wsproto.events import BytesMessage, RejectConnection

from actors.exchange.ccxtrio import client as client_module
from actors.exchange.ccxtrio import connection
from tests.wire.ccxt_world import outcomes, streaming, trade, until
from tests.wire.socket_peer import Peer

from ccxt.base import errors  # isort: skip - after the adapter

pytestmark = pytest.mark.usefixtures("no_asyncio_loop")
BTC = "BTC/USDT"
UNHEARD = ("nobody waits for this",)


async def test_a_watch_subscribes_and_gives_the_trades() -> None:
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await stream.until_heard(1)
        assert stream.heard[0]["params"] == ["btcusdt@trade"]
        await stream.say(trade(7))
        await until(lambda: found[0])
        assert [each["price"] for each in found[0]] == [30_007.0]


async def test_frames_go_out_in_the_order_in_which_they_were_asked_for() -> None:
    symbols = ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
    for _ in range(5):
        async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
            url = "wss://one/stream"
            for number, symbol in enumerate(symbols * 3):
                exchange.watch(
                    url, f"{number}", {"id": number, "s": symbol}, f"{number}"
                )
            await stream.until_heard(9)
            assert [each["id"] for each in stream.heard] == list(range(9))
            nursery.cancel_scope.cancel()


async def test_a_cancelled_watcher_disturbs_no_other() -> None:
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await stream.until_heard(1)
        with trio.move_on_after(0.05):
            await exchange.watch_trades(BTC)
        assert found == [None]
        await stream.say(trade(1))
        await until(lambda: found[0])
        assert len(stream.heard) == 1  # it is still the one subscription


async def test_an_error_in_a_handler_reaches_the_watcher_and_the_next_dials() -> None:
    """Stock goes deaf here: the socket stays open and nothing comes any more."""
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        handle = exchange.handle_message
        exchange.handle_message = fails_on_poison(handle)
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await stream.until_heard(1)
        await stream.say({"poison": 1})
        await until(lambda: found[0])
        assert type(found[0]) is errors.ExchangeError
        assert "KeyError" in str(found[0])
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await stream.until_heard(2)  # on a connection of its own
        assert len(stream.peers) == 2
        await stream.say(trade(2))
        await until(lambda: found[0])
        assert found[0][-1]["id"] == "2"


def fails_on_poison(handle: Any) -> Any:
    def handler(client: Any, message: Any) -> None:
        if "poison" in message:
            raise KeyError(message["poison"])
        handle(client, message)

    return handler


async def test_broken_json_reaches_the_watcher() -> None:
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await stream.until_heard(1)
        await stream.say('{"a": ')
        await until(lambda: found[0])
        assert type(found[0]) is errors.ExchangeError


async def test_close_from_another_task_says_goodbye_and_tells_the_watchers() -> None:
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await stream.until_heard(1)
        with trio.fail_after(60):
            await exchange.close()
        await until(lambda: found[0] and stream.closed)
        assert type(found[0]) is errors.ExchangeClosedByUser
        assert stream.closed == [1000]
        assert exchange.clients == {}


async def test_close_while_dialling_does_not_wait_for_the_dial() -> None:
    async def mute(_: Peer) -> None:
        await trio.sleep_forever()

    ws = {"options": {"ws": {"connectionTimeout": 600_000}}}
    async with streaming(mute, **ws) as (exchange, _), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await trio.sleep(0.05)
        with trio.fail_after(60):
            await exchange.close()
        assert type(found[0]) is errors.ExchangeClosedByUser


async def test_a_peer_that_never_shakes_hands_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def mute(_: Peer) -> None:
        await trio.sleep_forever()

    ws = {"options": {"ws": {"connectionTimeout": 100}}}
    async with streaming(mute, **ws) as (exchange, _), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await until(lambda: found[0])
        assert type(found[0]) is errors.RequestTimeout
        (url,) = exchange.ws_dial_backoff
        assert exchange.ws_dial_delay(url) > 0


async def test_a_refusal_that_wants_peace_is_given_it() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.next()
        headers = [(b"Retry-After", b"7"), (b"Content-Length", b"0")]
        await peer.send(RejectConnection(status_code=429, headers=headers))

    async with streaming(refuse) as (exchange, _), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await until(lambda: found[0])
        assert type(found[0]) is errors.NetworkError
        assert "429" in str(found[0])
        (url,) = exchange.ws_dial_backoff
        assert 6 < exchange.ws_dial_delay(url) <= 7


async def test_a_silent_peer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_SECONDS_MAX", 0.05)

    async def silent(peer: Peer) -> None:
        await peer.accept()
        await trio.sleep_forever()

    async with streaming(silent) as (exchange, _), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await until(lambda: exchange.clients)
        (client,) = exchange.clients.values()
        with trio.fail_after(10):
            await until(lambda: found[0])
            await client.finished  # and its socket is gone
        assert type(found[0]) is errors.RequestTimeout


def test_silence_is_noticed_within_fifteen_seconds_on_every_exchange() -> None:
    assert connection.PING_SECONDS_MAX * 2 <= 15


async def test_a_peer_that_only_pongs_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_SECONDS_MAX", 0.03)
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await stream.until_heard(1)
        await trio.sleep(0.3)
        assert found == [None]
        nursery.cancel_scope.cancel()


async def test_a_goodbye_of_the_exchange_reaches_the_watchers() -> None:
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await stream.until_heard(1)
        await stream.hang_up()
        await until(lambda: found[0])
        assert type(found[0]) is errors.NetworkError
        assert "closing code 1006" in str(found[0])
        assert exchange.clients == {}


async def test_no_socket_is_left_behind_by_a_hundred_connections() -> None:
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        process = psutil.Process()
        before = 0
        for number in range(100):
            found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
            await stream.until_heard(number + 1)
            await stream.hang_up()
            await until(lambda found=found: found[0])
            before = before or process.num_fds()
        assert process.num_fds() <= before + 2


async def test_no_thread_is_started() -> None:
    before = threading.active_count()
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await stream.until_heard(1)
        await stream.say(trade(1))
        await until(lambda: found[0])
        assert threading.active_count() == before


async def test_a_bomb_is_not_unzipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "UNZIPPED_BYTES_MAX", 100_000)
    ws = {"options": {"ws": {"gunzip": True}}}
    async with streaming(**ws) as (exchange, stream), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await stream.until_heard(1)
        zipper = zlib.compressobj(wbits=31)
        bomb = zipper.compress(bytes(5_000_000)) + zipper.flush()
        await stream.peers[-1].send(BytesMessage(bomb))
        await until(lambda: found[0])
        assert "unzips to more" in str(found[0])


async def test_a_tap_sees_every_value_where_a_watch_sees_the_newest() -> None:
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        seen: list[int] = []
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await stream.until_heard(1)
        (url,) = exchange.clients
        exchange.tap(url, f"trade::{BTC}", lambda trades: seen.append(len(trades)))
        for number in range(20):
            await stream.say(trade(number))
        await until(lambda: len(seen) == 20)
        assert seen == list(range(1, 21))
        assert found[0] is not None


async def test_background_work_that_fails_unheard_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def failing() -> None:
        raise ValueError(*UNHEARD)

    async with streaming() as (exchange, _):
        with caplog.at_level(logging.WARNING):
            exchange.spawn(failing)
            exchange.delay(1, failing)
            await until(lambda: len(caplog.records) == 2)
        assert "nobody waits for this" in caplog.text
        heard = exchange.spawn(failing)
        with pytest.raises(ValueError, match="nobody"):
            await heard


async def test_a_delay_may_be_called_off() -> None:
    ran: list[int] = []

    async def note() -> None:
        ran.append(1)

    async with streaming() as (exchange, _):
        exchange.delay(20, note).cancel()
        exchange.delay(20, note)
        await until(lambda: ran)
        await trio.sleep(0.05)
        assert ran == [1]


async def test_a_book_that_cannot_be_synchronised_ends_its_connection() -> None:
    """ccxt's own method hands `client.close()` to asyncio's ensure_future here."""
    async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
        found = await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
        await stream.until_heard(1)
        (client,) = exchange.clients.values()
        exchange.orderbooks[BTC] = exchange.order_book()
        exchange.fetch_rest_order_book_safe = broken_snapshot
        await exchange.load_order_book(client, "book", BTC)
        await client.finished
        await until(lambda: found[0])
        assert client.closed()
        assert type(client.error) is errors.ExchangeNotAvailable


async def broken_snapshot(*_: object) -> None:
    raise errors.ExchangeNotAvailable


async def test_a_stream_through_a_proxy_is_refused_in_words() -> None:
    proxy = {"wsProxy": "http://127.0.0.1:1"}
    async with streaming(**proxy) as (exchange, _):
        with pytest.raises(errors.NotSupported, match="proxy"):
            await exchange.watch_trades(BTC)


async def test_streams_without_an_owner_are_refused_in_words() -> None:
    async with streaming() as (exchange, _):
        pass
    with pytest.raises(RuntimeError, match="attach"):
        await exchange.watch_trades(BTC)


async def test_an_engine_that_stops_takes_its_streams_along() -> None:
    with trio.fail_after(60), trio.CancelScope() as engine:
        async with streaming() as (exchange, stream), trio.open_nursery() as nursery:
            await outcomes(nursery, [partial(exchange.watch_trades, BTC)])
            await stream.until_heard(1)
            engine.cancel()
            await trio.sleep_forever()
    assert engine.cancelled_caught
