"""What a channel has still to be told, and when: severity, repeats, digest, quiet."""

import msgspec
import pytest

from actors.domain.severity import Severity
from config.outside import NoticesGroup
from control.notices.letter import BODY_CHARACTERS_MAX, Notice, write_letter
from control.notices.pile import Pile, is_quiet

S = Severity
NOON, NIGHT = 12 * 60, 23 * 60


def notice(severity: Severity, text: str = "text", key: str | None = None) -> Notice:
    return Notice(severity, text, 0, key)


def pile(minimum: Severity = S.INFO, **settings: object) -> Pile:
    return Pile(NoticesGroup(**settings), minimum)


def texts(taken: tuple[tuple[Notice, ...], int]) -> list[str]:
    return [one.text for one in taken[0]]


def test_what_is_less_severe_than_the_channel_wants_is_never_piled() -> None:
    waiting = pile(S.ERROR)
    assert not waiting.put(notice(S.WARNING), 0)
    assert waiting.put(notice(S.ERROR), 0)
    assert len(waiting) == 1


def test_an_error_is_due_at_once_and_a_warning_with_the_digest() -> None:
    waiting = pile(digest_seconds=900)
    waiting.put(notice(S.WARNING, "gathered"), 0)
    assert waiting.take(0, NOON) == ((), 0)
    assert waiting.seconds_to_wait(100, NOON) == 800
    waiting.put(notice(S.ERROR, "at once"), 100)
    assert waiting.seconds_to_wait(100, NOON) == 0
    assert texts(waiting.take(100, NOON)) == ["at once"]
    waiting.put(notice(S.INFO, "gathered too"), 850)
    assert texts(waiting.take(900, NOON)) == ["gathered", "gathered too"]
    assert waiting.seconds_to_wait(900, NOON) == float("inf")


def test_a_repeat_is_counted_and_told_with_a_digest_once_its_time_is_over() -> None:
    waiting = pile(repeat_seconds=300, digest_seconds=900)
    assert waiting.put(notice(S.ERROR, "lost", "k"), 0)
    assert texts(waiting.take(0, NOON)) == ["lost"]
    assert not waiting.put(notice(S.ERROR, "lost", "k"), 10)
    assert not waiting.put(notice(S.ERROR, "lost", "k"), 299)
    assert waiting.take(300, NOON) == ((), 0)
    assert waiting.seconds_to_wait(300, NOON) == 610
    assert texts(waiting.take(910, NOON)) == ["2 more times: lost"]
    assert waiting.seconds_to_wait(910, NOON) == float("inf")
    assert waiting.put(notice(S.ERROR, "lost", "k"), 911)


def test_a_notice_without_a_key_is_told_each_time() -> None:
    waiting = pile()
    for _ in range(3):
        assert waiting.put(notice(S.ERROR), 0)
    assert len(waiting) == 3


def test_a_digest_that_finds_only_young_repeats_comes_again() -> None:
    waiting = pile(repeat_seconds=300, digest_seconds=10)
    waiting.put(notice(S.ERROR, "lost", "k"), 0)
    waiting.take(0, NOON)
    waiting.put(notice(S.ERROR, "lost", "k"), 5)
    assert waiting.take(15, NOON) == ((), 0)
    assert waiting.seconds_to_wait(15, NOON) == 285


def test_a_full_pile_drops_the_oldest_of_the_least_severe_and_counts_it() -> None:
    waiting = pile(waiting_max=10)
    for number in range(8):
        waiting.put(notice(S.CRITICAL, f"critical {number}"), 0)
    for number in range(5):
        waiting.put(notice(S.INFO, f"info {number}"), 0)
    waiting.put(notice(S.ERROR, "error"), 0)
    assert len(waiting) == 10
    assert waiting.statistics().dropped == 4
    taken, left_out = waiting.take(0, NOON)
    assert left_out == 4
    assert [one.text for one in taken][-1] == "error"
    assert len(waiting) == 1
    assert texts(waiting.take(900, NOON)) == ["info 4"]


def test_in_quiet_hours_only_critical_notices_are_due() -> None:
    waiting = pile(quiet="22:00-06:00", digest_seconds=10)
    waiting.put(notice(S.ERROR, "error"), 0)
    waiting.put(notice(S.INFO, "info"), 0)
    waiting.put(notice(S.CRITICAL, "critical"), 0)
    assert texts(waiting.take(60, NIGHT)) == ["critical"]
    assert waiting.take(60, NIGHT) == ((), 0)
    assert waiting.seconds_to_wait(60, NIGHT) == 60
    assert texts(waiting.take(60, 6 * 60)) == ["error", "info"]


def test_what_could_not_be_sent_comes_first_again_if_it_matters_later() -> None:
    waiting = pile()
    waiting.put(notice(S.ERROR, "first"), 0)
    waiting.put(notice(S.WARNING, "small"), 0)
    taken, _ = waiting.take(900, NOON)
    waiting.put(notice(S.ERROR, "second"), 901)
    waiting.put_back(taken, 0)
    again, left_out = waiting.take(902, NOON)
    assert ([one.text for one in again], left_out) == (["first", "second"], 1)


def test_a_letter_holds_the_worst_first_and_the_rest_follows() -> None:
    waiting = pile(digest_seconds=10)
    for number in range(30):
        waiting.put(notice(S.INFO, f"{number}"), 0)
    waiting.put(notice(S.CRITICAL, "worst"), 0)
    waiting.take(0, NOON)
    assert len(texts(waiting.take(10, NOON))) == 20
    assert waiting.seconds_to_wait(10, NOON) == 0
    assert len(texts(waiting.take(10, NOON))) == 10


@pytest.mark.parametrize(
    ("characters", "held"), [(20, 20), (142, 20), (143, 19), (400, 7), (5000, 1)]
)
def test_a_letter_says_all_that_was_taken_for_it_and_the_rest_follows(
    characters: int, held: int
) -> None:
    waiting = pile(waiting_max=40)
    said = [f"{number:02}".ljust(characters, "x") for number in range(50)]
    for text in said:
        waiting.put(notice(S.ERROR, text), 0)
    waiting.put(msgspec.structs.replace(notice(S.CRITICAL, "newest"), ts_ms=9), 0)
    bodies = []
    while (taken := waiting.take(0, NOON))[0]:
        bodies.append(write_letter("breakout", *taken).body)
    first = bodies[0].splitlines()
    assert first[-2].endswith("newest")
    assert first[-1] == "11 less severe notices were left out before this one"
    assert len(bodies[1].splitlines()) == held
    assert max(map(len, bodies)) <= BODY_CHARACTERS_MAX
    shown = [text[:140] for text in said[11:]]
    assert [text for body in bodies for text in shown if text in body] == shown


def test_what_finds_no_room_lets_nothing_less_severe_past_it() -> None:
    waiting = pile()
    for severity, text in ((S.ERROR, "x" * 3000), (S.ERROR, "y" * 400), (S.INFO, "i")):
        waiting.put(notice(severity, text), 0)
    waiting.hurry(0)
    assert texts(waiting.take(0, NOON)) == ["x" * 3000]
    assert texts(waiting.take(0, NOON)) == ["y" * 400, "i"]


@pytest.mark.parametrize(
    ("hours", "minute", "quiet"),
    [
        ("", 0, False),
        ("22:00-06:30", 22 * 60, True),
        ("22:00-06:30", 6 * 60 + 29, True),
        ("22:00-06:30", 6 * 60 + 30, False),
        ("22:00-06:30", 12 * 60, False),
        ("01:00-02:00", 90, True),
        ("01:00-02:00", 120, False),
        ("05:00-05:00", 300, False),
    ],
)
def test_quiet_hours_may_span_midnight(hours: str, minute: int, quiet: object) -> None:
    assert is_quiet(hours, minute) is quiet
