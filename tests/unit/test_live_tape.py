"""Trades passed on once; a pace that is kept; ages that are noted."""

from random import Random

import msgspec
import pytest
import trio
from trio.testing import MockClock

from actors.domain.freshness import Health, Now
from actors.market.live.binance_rest import AggTrade
from actors.market.live.bybit import LINEAR, PublicTrade
from actors.market.live.exchanges import DIALECTS
from actors.market.live.pace import Pace
from actors.market.live.pulse import Pulse
from actors.market.live.streams import ALL, plans
from actors.market.live.symbol import SymbolStream, Taps
from actors.market.live.tape import MISSING_MAX, REMEMBERED_MAX, REMEMBERED_MS, Tape
from actors.market.live.wire import Channel, Control
from config.settings import FeedGroup


def numbered(number: int) -> AggTrade:
    return AggTrade(number, 1.0, 1.0, 1_000 + number, False)


def named(name: str, ts_ms: int) -> PublicTrade:
    return PublicTrade(name, 1.0, 1.0, ts_ms, "Buy")


@pytest.mark.parametrize("seed", range(20))
def test_numbered_trades_pass_once_in_any_order(seed: int) -> None:
    random, tape = Random(seed), Tape(consecutive=True)
    tape.take(numbered(100))
    stream = [n for n in range(101, 300) for _ in range(random.randint(1, 3))]
    for at in range(len(stream) - 10):
        other = at + random.randint(0, 9)
        stream[at], stream[other] = stream[other], stream[at]
    passed = [n for n in stream if tape.take(numbered(n))]
    assert sorted(passed) == list(range(101, 300))
    assert not tape.missing
    assert tape.duplicates == len(stream) - len(passed)


def test_missing_trades_are_known_by_their_ids_and_bounded() -> None:
    tape = Tape(consecutive=True)
    tape.take(numbered(1))
    tape.take(numbered(5))
    assert tape.missing == {2, 3, 4}
    assert tape.give_up(3) == 2
    assert tape.take(numbered(4))
    tape.take(numbered(100_000))
    assert len(tape.missing) == MISSING_MAX
    assert tape.lost == 2 + (100_000 - 6) - MISSING_MAX


def test_named_trades_pass_once_within_what_is_remembered() -> None:
    tape = Tape(consecutive=False)
    assert tape.take(named("a", 1_000))
    assert tape.take(named("b", 900))
    assert not tape.take(named("a", 1_000))
    for name in ("c", "d"):
        assert tape.take(named(name, 1_000 + REMEMBERED_MS * 2))
    assert not tape.take(named("a", 1_000)), "older than what is remembered"
    for number in range(3 * REMEMBERED_MAX):
        tape.take(named(str(number), 100_000))
    assert len(tape._known) == len(tape._recent) <= REMEMBERED_MAX


# --- pace -----------------------------------------------------------------------------


async def test_a_pace_allows_a_burst_and_then_its_rate(
    autojump_clock: MockClock,
) -> None:
    pace, began = Pace(2.0, burst=4.0), trio.current_time()
    for _ in range(4):
        await pace.wait()
    assert trio.current_time() == began
    for _ in range(4):
        await pace.wait()
    assert trio.current_time() - began == pytest.approx(2.0)
    await trio.sleep(100)
    began = trio.current_time()
    await pace.wait(6.0)  # above the burst: a full bucket lets it through
    assert trio.current_time() == began
    await pace.wait()
    assert trio.current_time() - began == pytest.approx(1.5)


async def test_a_cancelled_wait_uses_nothing(autojump_clock: MockClock) -> None:
    pace = Pace(1.0)
    await pace.wait()
    began = trio.current_time()
    for _ in range(5):
        with trio.move_on_after(0.1):
            await pace.wait()
    await pace.wait()
    assert trio.current_time() - began == pytest.approx(1.0)


async def test_a_ban_is_waited_for(autojump_clock: MockClock) -> None:
    pace = Pace(100.0, burst=50.0)
    began = trio.current_time()
    pace.rest(30.0)
    await pace.wait()
    assert trio.current_time() - began == pytest.approx(30.0, abs=0.1)


# --- ages -----------------------------------------------------------------------------


def test_an_event_from_the_future_vouches_for_nothing_later() -> None:
    pulse = Pulse(FeedGroup())
    assert pulse.judge(Now(0, 0)).health is Health.UNKNOWN
    pulse.heard(Now(1_000, 50_000), 99_000)
    assert pulse.event_ms == 50_000
    pulse.heard(Now(2_000, 51_000), 0)  # has no time of its own
    assert pulse.judge(Now(2_000, 51_000)).health is Health.FRESH
    found = pulse.judge(Now(2_100, 56_000))
    assert (found.health, found.age) == (Health.QUIET, "event")


def test_an_open_gap_ages_and_a_mended_one_does_not() -> None:
    pulse = Pulse(FeedGroup())
    for second in range(20):
        now = Now(second * 1_000, second * 1_000)
        pulse.heard(now, second * 1_000)
        pulse.gap(now, is_open=second < 16)
        health = pulse.judge(now).health
        if second == 5:
            assert health is Health.QUIET
        if second == 15:
            assert health is Health.STALE
    assert health is Health.FRESH


# --- plans and control messages -------------------------------------------------------


@pytest.mark.parametrize("name", DIALECTS)
def test_hundreds_of_symbols_need_few_connections(name: str) -> None:
    dialect = DIALECTS[name]
    natives = [f"S{number:03d}USDT" for number in range(300)]
    found = plans(dialect, natives, ALL)
    topics = [topic for plan in found for topic in plan.topics]
    assert len({topic.name for topic in topics}) == len(topics) == 1_200
    most = dialect.limits.topics_per_connection
    assert all(len(plan.topics) <= most for plan in found)
    assert len(found) <= 5
    for plan in found:
        names = [topic.name for topic in plan.topics]
        if name.startswith("bybit"):
            assert sum(map(len, names)) < 21_000
        step = dialect.limits.topics_per_request
        for at in range(0, len(names), step):
            request = dialect.subscribe(names[at : at + step], 7)
            assert len(request) < dialect.limits.request_bytes_max
        for topic in plan.topics:
            assert dialect.endpoint(topic.channel) == plan.endpoint


CONTROLS = [
    ("binance", b'{"result":null,"id":3}', Control.TAKEN, 3),
    ("binance", b'{"error":{"code":2,"msg":"x"},"id":4}', Control.REFUSED, 4),
    ("binance", b'{"e":"serverShutdown","E":1770123456789}', Control.CLOSING, None),
    ("binance", b'{"what":1}', Control.UNHANDLED, None),
    ("bybit", b'{"success":true,"ret_msg":"pong","op":"ping"}', Control.IGNORED, None),
    ("bybit", b'{"op":"pong","args":["1"]}', Control.IGNORED, None),
    (
        "bybit",
        b'{"success":true,"ret_msg":"","req_id":"5","op":"subscribe"}',
        Control.TAKEN,
        5,
    ),
    (
        "bybit",
        b'{"success":false,"ret_msg":"no topic","req_id":"6","op":"subscribe"}',
        Control.REFUSED,
        6,
    ),
    ("okx", b"pong", Control.IGNORED, None),
    (
        "okx",
        b'{"event":"notice","code":"64008","msg":"soon","connId":"a"}',
        Control.CLOSING,
        None,
    ),
    (
        "okx",
        b'{"id":"8","event":"error","code":"60012","msg":"bad","connId":"a"}',
        Control.REFUSED,
        8,
    ),
]


@pytest.mark.parametrize(("name", "payload", "control", "number"), CONTROLS)
def test_control_messages_are_read(
    name: str, payload: bytes, control: Control, number: int | None
) -> None:
    dialect = DIALECTS[name]
    assert dialect.named(payload) is None
    answer = dialect.answer(payload)
    assert (answer.control, answer.request) == (control, number)


def test_a_one_level_book_that_says_only_what_changed_is_a_whole_quote() -> None:
    take = LINEAR.decode(Channel.QUOTE)
    frame = (
        b'{"topic":"orderbook.1.X","type":"%s","ts":5,"data":{"s":"X","b":%s,"a":%s,'
        b'"u":1,"seq":%d},"cts":4}'
    )
    (whole,) = take(frame % (b"snapshot", b'[["10","1"]]', b'[["11","2"]]', 1))
    assert (whole.bid, whole.ask, whole.update_id) == (10.0, 11.0, 1)
    (changed,) = take(frame % (b"delta", b'[["10","0"],["9","3"]]', b"[]", 2))
    assert (changed.bid, changed.bid_size, changed.ask) == (9.0, 3.0, 11.0)


def test_okx_candles_and_touches_are_read() -> None:
    swap, spot = DIALECTS["okx"], DIALECTS["okxspot"]
    row = ["1700000000000", "1", "3", "0.5", "2", "700", "7", "14", "1"]
    payload = msgspec.json.encode(
        {"arg": {"channel": "candle1m", "instId": "X-USDT-SWAP"}, "data": [row]}
    )
    (candle,) = swap.decode(Channel.CANDLE)(payload)
    assert (candle.close, candle.volume, candle.closed) == (2.0, 7.0, True)
    assert spot.decode(Channel.CANDLE)(payload)[0].volume == 700.0
    assert swap.named(payload) == swap.topic(Channel.CANDLE, "X-USDT-SWAP")
    touch = (
        b'{"arg":{"channel":"bbo-tbt","instId":"X-USDT"},"data":[{"asks":[["11","2",'
        b'"0","1"]],"bids":[["10","1","0","1"]],"ts":"5","seqId":7}]}'
    )
    (quote,) = spot.decode(Channel.QUOTE)(touch)
    assert (quote.bid, quote.ask, quote.update_id) == (10.0, 11.0, 7)


def test_a_quote_whose_numbers_begin_anew_is_the_newer_one_by_its_time() -> None:
    """OKX may number anew after maintenance; repeats and late ones stay out."""
    taps, passed = Taps(), []
    taps.quote = lambda _, quote: passed.append(quote.update_id)
    dialect = DIALECTS["okx"]
    symbol = SymbolStream("X", dialect, ALL, FeedGroup(), taps)
    for generation, number, ts_ms in (
        (1, 9_000, 50),
        (1, 9_002, 52),
        (1, 9_001, 51),  # late
        (2, 9_002, 52),  # repeated by a connection that takes over
        (2, 9_003, 52),  # within one millisecond
        (2, 1, 60),
        (2, 1, 60),
        (2, 3, 61),
        (2, 2, 60),
    ):
        row = {"bids": [["10", "1"]], "asks": [["11", "1"]], "ts": ts_ms}
        frame = msgspec.json.encode({"data": [{**row, "seqId": number}]})
        quotes = dialect.decode(Channel.QUOTE)(frame)
        symbol.quotes(Now(0, 100), quotes, generation)
    assert passed == [9_000, 9_002, 9_003, 1, 3]
    assert symbol.quote is not None
    assert (symbol.quote.update_id, symbol.quote.ts_ms) == (3, 61)
