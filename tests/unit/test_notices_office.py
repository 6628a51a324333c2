"""The office in virtual time: deadlines, retries, pauses, and alarms without storms."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio.testing import MockClock

from actors.domain.messages import Alert, Published
from actors.domain.severity import Severity
from config.outside import NoticesGroup
from control.notices.channels import Channel
from control.notices.letter import Letter
from control.notices.office import Office
from tests.engines import TestClock

NOON_MS = 12 * 3_600_000


class Service:
    """Takes letters, or does not."""

    def __init__(self) -> None:
        self.works = True
        self.hangs = False
        self.tries: list[float] = []
        self.letters: list[Letter] = []

    async def deliver(self, letter: Letter) -> bool:
        self.tries.append(trio.current_time())
        if self.hangs:
            await trio.sleep_forever()
        if self.works:
            self.letters.append(letter)
        return self.works


class Bureau:
    """An office with two channels, and what it alarmed."""

    def __init__(self, **settings: object) -> None:
        self.phone, self.mail = Service(), Service()
        self.alarms: list[str] = []
        self.wall = TestClock(NOON_MS)
        channels = (
            Channel("phone", Severity.ERROR, self.phone.deliver),
            Channel("mail", Severity.INFO, self.mail.deliver),
        )
        self.office = Office(
            channels,
            NoticesGroup(**settings),
            sender="breakout test",
            wall=self.wall,
            alarm=lambda text, severity, _: self.alarms.append(f"{severity} {text}"),
        )

    def alert(self, severity: str, message: str) -> None:
        fact = Alert(0, "internal", severity, "risk", None, message, "none")
        self.office.publish(Published("alerts", "ALERT", 0, fact))


@asynccontextmanager
async def working(bureau: Bureau) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bureau.office.run)
        yield
        nursery.cancel_scope.cancel()


async def test_each_channel_is_told_what_it_wants(autojump_clock: MockClock) -> None:
    bureau = Bureau()
    async with working(bureau):
        bureau.alert("warning", "small")
        bureau.alert("critical", "large")
        await trio.sleep(1)
        assert [x.body for x in bureau.phone.letters] == [
            x.body for x in bureau.mail.letters
        ]
        assert "large" in bureau.mail.letters[0].body
        await trio.sleep(900)
        assert len(bureau.phone.letters) == 1
        assert "small" in bureau.mail.letters[1].body


async def test_a_thousand_alerts_are_a_few_letters(autojump_clock: MockClock) -> None:
    bureau = Bureau(gap_seconds=5)
    async with working(bureau):
        for number in range(1000):
            bureau.alert("error", f"failed {'abcdefghij'[number % 10]} at {number}")
            await trio.sleep(0.01)
        await trio.sleep(3600)
    assert len(bureau.phone.letters) <= 5
    assert "99 more times" in bureau.phone.letters[-1].body


async def test_a_channel_that_hangs_holds_up_no_other(
    autojump_clock: MockClock,
) -> None:
    bureau = Bureau(send_seconds_max=20)
    bureau.phone.hangs = True
    async with working(bureau):
        bureau.alert("error", "first")
        await trio.sleep(0.1)
        bureau.alert("error", "second")
        await trio.sleep(10)
        assert len(bureau.mail.letters) == 2
        assert bureau.phone.letters == []


async def test_a_channel_that_hangs_is_given_up_at_its_deadline(
    autojump_clock: MockClock,
) -> None:
    bureau = Bureau(send_seconds_max=20, attempts_max=2, retry_seconds=2)
    bureau.phone.hangs = True
    began = trio.current_time()
    async with working(bureau):
        bureau.alert("error", "first")
        await trio.sleep(43)
        assert [round(t - began) for t in bureau.phone.tries] == [0, 22]
        assert bureau.alarms == ["warning notices to 'phone' are not taken"]


async def test_an_outage_is_tried_less_often_and_told_once(
    autojump_clock: MockClock,
) -> None:
    bureau = Bureau(attempts_max=3, retry_seconds=2, pause_seconds_max=100)
    bureau.phone.works = False
    began = trio.current_time()
    async with working(bureau):
        bureau.alert("error", "first")
        await trio.sleep(1000)
        gaps = [round(t - began) for t in bureau.phone.tries]
        assert gaps[:8] == [0, 2, 6, 14, 30, 62, 126, 226]
        assert bureau.alarms == ["warning notices to 'phone' are not taken"]
        bureau.phone.works = True
        await trio.sleep(100)
    assert len(bureau.phone.letters) == 1
    assert bureau.alarms[1:] == ["info notices to 'phone' are taken again"]


async def test_what_waits_through_an_outage_is_bounded(
    autojump_clock: MockClock,
) -> None:
    bureau = Bureau(waiting_max=10)
    bureau.mail.works = False
    async with working(bureau):
        for letter in "abcdefghijklmnopqrst":
            bureau.alert("info", letter)
            bureau.alert("error", letter)
        await trio.sleep(1000)
        (_, mail) = bureau.office.statistics()
        assert mail.failing
        assert mail.waiting <= 10
        assert mail.dropped >= 30
        bureau.mail.works = True
        await trio.sleep(1000)
    assert "were left out" in bureau.mail.letters[0].body


async def test_a_letter_that_was_in_hand_when_the_office_fell_is_sent_later(
    autojump_clock: MockClock,
) -> None:
    bureau = Bureau()
    bureau.phone.hangs = True
    async with working(bureau):
        bureau.alert("error", "kept")
        await trio.sleep(1)
    bureau.phone.hangs = False
    async with working(bureau):
        await trio.sleep(1)
    assert "kept" in bureau.phone.letters[0].body


async def test_the_last_word_is_sent_also_when_all_is_cancelled_and_ends(
    autojump_clock: MockClock,
) -> None:
    bureau = Bureau()
    bureau.phone.hangs = True
    began = trio.current_time()
    with trio.CancelScope() as scope:
        scope.cancel()
        await bureau.office.last_word("the engine has ended itself: why")
    assert trio.current_time() - began == 5
    assert "ended itself: why" in bureau.mail.letters[0].body
    assert bureau.mail.letters[0].severity is Severity.CRITICAL


async def test_an_orderly_end_sends_what_waited_and_waits_for_nobody(
    autojump_clock: MockClock,
) -> None:
    bureau = Bureau(quiet="22:00-06:30")
    async with working(bureau):
        bureau.alert("error", "told")
        await trio.sleep(1)
        bureau.alert("warning", "for the digest")
        bureau.alert("error", "just now")
    bureau.phone.hangs = True
    began = trio.current_time()
    with trio.CancelScope() as scope:
        scope.cancel()
        await bureau.office.send_rest()
    assert trio.current_time() - began == 5
    assert len(bureau.mail.letters) == 2
    last = bureau.mail.letters[1].body
    assert "for the digest" in last
    assert "just now" in last
    assert "told" not in last
    await bureau.office.send_rest()
    assert len(bureau.mail.letters) == 2, "nothing waits"


async def test_in_quiet_hours_an_orderly_end_tells_what_is_critical(
    autojump_clock: MockClock,
) -> None:
    bureau = Bureau(quiet="11:00-13:00")
    bureau.alert("error", "can wait")
    bureau.alert("critical", "cannot wait")
    await bureau.office.send_rest()
    for service in (bureau.phone, bureau.mail):
        assert "cannot wait" in service.letters[0].body
        assert "can wait" not in service.letters[0].body


async def test_an_orderly_end_sends_as_many_letters_as_wait(
    autojump_clock: MockClock,
) -> None:
    bureau = Bureau()
    said = [
        f"{severity} {a}{b}"
        for severity in ("error", "info")
        for a in "abcde"
        for b in "abcdefghij"
    ]
    for text in said:
        bureau.alert(text.split()[0], text)
    await bureau.office.send_rest()
    assert [len(x.body.splitlines()) for x in bureau.phone.letters] == [20, 20, 10]
    bodies = "".join(x.body for x in bureau.mail.letters)
    assert len(bureau.mail.letters) == 5
    assert all(f": {text};" in bodies for text in said)


async def test_an_orderly_end_sends_the_digest_that_was_in_hand_as_it_was(
    autojump_clock: MockClock,
) -> None:
    bureau = Bureau(digest_seconds=10)
    bureau.mail.hangs = True
    async with working(bureau):
        bureau.alert("info", "gathered")
        await trio.sleep(11)
        bureau.alert("error", "just now")
    bureau.mail.hangs = False
    await bureau.office.send_rest()
    first, second = (x.body for x in bureau.mail.letters)
    assert "gathered" in first
    assert "just now" not in first
    assert "just now" in second
    assert "left out" not in first + second


async def test_an_orderly_end_tries_no_more_once_a_letter_is_not_taken(
    autojump_clock: MockClock,
) -> None:
    bureau = Bureau()
    bureau.mail.works = False
    for text in "abcdefghijklmnopqrstuvwxyz":
        bureau.alert("error", text)
    await bureau.office.send_rest()
    assert (len(bureau.mail.tries), len(bureau.phone.letters)) == (1, 2)


async def test_in_quiet_hours_of_what_was_in_hand_only_the_critical_is_told(
    autojump_clock: MockClock,
) -> None:
    bureau = Bureau(quiet="12:01-13:00")
    bureau.mail.hangs = True
    bureau.alert("error", "can wait")
    bureau.alert("critical", "cannot")
    async with working(bureau):
        await trio.sleep(1)
    bureau.mail.hangs = False
    bureau.wall.moment_ms += 60_000
    await bureau.office.send_rest()
    (letter,) = bureau.mail.letters
    assert "cannot" in letter.body
    assert "can wait" not in letter.body
