"""Bans: durable, never shortened, growing; who waits for their end and who does not."""

import json
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from actors.domain.errors import ExchangeError, Unsent
from actors.exchange.gate import Bans, Lane, Terms
from actors.exchange.gate.bans import retry_after
from tests.gates import BEGAN_MS, Gated, TrioClock

NAME = "binanceusdm"
WAITING = (Lane.PROTECT, Lane.CANCEL, Lane.EXIT)
REFUSED = (Lane.RECONCILE, Lane.ENTRY, Lane.SCAN)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("lane", REFUSED)
async def test_while_banned_the_others_are_refused_at_once(
    autojump_clock: MockClock, lane: Lane
) -> None:
    gated = Gated()
    await gated.ask(418, retry_after=120)
    began = trio.current_time()
    told = rf"{NAME} is not asked for another 121 s, until 2025-11-28 02:02:01 UTC: "
    with pytest.raises(Unsent, match=told + r"banned \(HTTP 418\); nothing was sent"):
        await gated.ask(lane=lane)
    assert trio.current_time() == began
    assert not gated.gate.allows(lane)
    assert gated.gate.view().requests == 1


@pytest.mark.parametrize("lane", WAITING)
async def test_what_protects_money_waits_for_the_end(
    autojump_clock: MockClock, lane: Lane
) -> None:
    gated = Gated()
    await gated.ask(418, retry_after=120)
    assert await gated.ask(lane=lane) == pytest.approx(121)


async def test_what_cannot_wait_so_long_is_refused_at_once(
    autojump_clock: MockClock,
) -> None:
    gated = Gated()
    await gated.ask(418, retry_after=120)
    with trio.fail_after(100), pytest.raises(Unsent):
        await gated.ask(lane=Lane.PROTECT)
    assert trio.current_time() == 0
    with trio.fail_after(130):
        await gated.ask(lane=Lane.PROTECT)


async def test_whoever_waits_for_room_is_turned_away_when_a_ban_begins(
    autojump_clock: MockClock,
) -> None:
    gated = Gated(Terms(name="x", weight=10, window_seconds=60.0))
    told: list[tuple[Lane, float]] = []

    async def wait(lane: Lane) -> None:
        try:
            await gated.ask(lane=lane, cost=10)
        except Unsent:
            told.append((lane, trio.current_time()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: gated.ask(418, cost=5, seconds=3, retry_after=9))
        await trio.sleep(1)
        for lane in (Lane.SCAN, Lane.ENTRY, Lane.EXIT):
            nursery.start_soon(wait, lane)
    assert sorted(told) == [(Lane.ENTRY, 3.0), (Lane.SCAN, 3.0)]
    assert gated.gate.view().requests == 2  # the exit, when it was over


async def test_a_restart_keeps_a_ban(autojump_clock: MockClock, tmp_path: Path) -> None:
    path = tmp_path / "bans.json"
    await Gated(path=path).ask(418, retry_after=300)
    assert names_in(tmp_path) == ["bans.json"]  # no half-written one beside it
    await trio.sleep(100)
    again = Gated(path=path)
    with pytest.raises(Unsent, match="another 201 s"):
        await again.ask()
    await trio.sleep(202)
    await again.ask()


async def test_a_smaller_ban_never_shortens_a_longer_one() -> None:
    bans = Bans(None, TrioClock())
    first = bans.add("x", "418", BEGAN_MS - 1, told=300, otherwise=120)
    second = bans.add("x", "429", BEGAN_MS - 1, told=1, otherwise=30)
    assert (second.until_ms, second.reason) == (first.until_ms, "418")


async def test_a_longer_ban_replaces_a_shorter_one() -> None:
    bans = Bans(None, TrioClock())
    bans.add("x", "429", BEGAN_MS - 1, told=1, otherwise=30)
    longer = bans.add("x", "418", BEGAN_MS - 1, told=300, otherwise=120)
    assert longer.reason == "418"
    assert bans.left_seconds("x") == pytest.approx(301, abs=0.01)
    assert bans.of("y") is None


async def test_bans_in_a_row_grow_and_are_forgiven(autojump_clock: MockClock) -> None:
    gated, lengths = Gated(), []
    for _ in range(4):
        await gated.ask(418)
        lengths.append(gated.bans.left_seconds(NAME))
        await trio.sleep(lengths[-1])
    assert lengths == [121, 241, 481, 961]
    await trio.sleep(3_601)
    await gated.ask(418)
    assert gated.bans.left_seconds(NAME) == 121


async def test_requests_under_way_when_a_ban_began_do_not_make_it_grow(
    autojump_clock: MockClock,
) -> None:
    gated = Gated()
    async with trio.open_nursery() as nursery:
        for seconds in (1, 2, 3):
            nursery.start_soon(lambda s=seconds: gated.ask(418, seconds=s))
    assert trio.current_time() == 3
    assert gated.bans.left_seconds(NAME) == 121  # from the last: never twice as long


async def test_a_ban_that_is_violated_grows() -> None:
    clock = TrioClock()
    bans = Bans(None, clock)
    first = bans.add("x", "418", clock.now_ms() - 1, told=100, otherwise=120)
    clock.set_ms = 10_000
    second = bans.add("x", "418", clock.now_ms(), told=91, otherwise=120)
    assert second.length_ms == 2 * first.length_ms


async def test_a_rate_limit_without_a_word_waits_for_a_window_at_most(
    autojump_clock: MockClock,
) -> None:
    for terms, seconds in (
        (Terms(name="slow", weight=10, window_seconds=60.0), 31),
        (Terms(name="quick", weight=10, window_seconds=2.0), 3),
    ):
        gated = Gated(terms)
        await gated.ask(429)
        assert gated.bans.left_seconds(terms.name) == pytest.approx(seconds)


async def test_a_ban_is_of_the_exchange_and_not_of_one_way_to_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bans.json"
    bans = Bans(path, TrioClock())
    bans.add(NAME, "418", BEGAN_MS - 1, told=300, otherwise=120)
    bans.add("bybitspot", "418", BEGAN_MS - 1, told=300, otherwise=120)
    for one in (bans, Bans(path, TrioClock())):
        for name in ("binance", NAME, "binancecoinm", "bybit", "bybitspot"):
            assert one.of(name), name
        assert one.of("okxspot") is None


async def test_of_two_kept_bans_of_one_exchange_the_longer_holds(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    path, began = tmp_path / "bans.json", {"began_ms": BEGAN_MS, "strikes": 1}
    short = began | {"until_ms": BEGAN_MS + 9_000, "reason": "429"}
    long = began | {"until_ms": BEGAN_MS + 99_000, "reason": "418"}
    path.write_text(json.dumps({NAME: long, "binance": short}))
    for name in (NAME, "binance"):
        ban = Bans(path, TrioClock()).of(name)
        assert ban is not None
        assert ban.reason == "418"


async def test_a_clock_set_back_does_not_end_a_ban(autojump_clock: MockClock) -> None:
    gated = Gated()
    await gated.ask(418, retry_after=120)
    gated.clock.set_ms = -3_600_000
    await trio.sleep(130)
    assert not gated.gate.allows(Lane.ENTRY)


async def test_a_ban_that_cannot_be_written_holds_and_is_told(tmp_path: Path) -> None:
    gated = Gated(path=tmp_path / "away" / "bans.json")
    await gated.ask(418, retry_after=120)
    assert not gated.gate.allows(Lane.SCAN)
    assert [one.severity for one in gated.alerts] == ["critical", "critical"]
    assert "not on the disk" in gated.alerts[0].message


async def test_a_file_that_is_no_list_of_bans_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bans.json"
    path.write_text(json.dumps({"x": 1}))
    with pytest.raises(ExchangeError, match=r"bans\.json .*remove it"):
        Bans(path, TrioClock())


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Fri, 28 Nov 2025 02:01:00 GMT", 60.0),
        ("Fri, 28 Nov 2025 01:59:00 GMT", 0.0),
        ("999999999", 259_200.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(told: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": told}, BEGAN_MS) == seconds


def test_without_retry_after_nothing_is_told() -> None:
    assert retry_after({"x": "1"}, BEGAN_MS) is None
