"""Three ages, one judgement: entries stop within the budget, exits never."""

from decimal import Decimal

import pytest

from actors.domain import freshness
from actors.domain.freshness import (
    CONSEQUENCES,
    FallbackPrice,
    Freshness,
    Health,
    Judgement,
    KnownPrice,
    Now,
    PriceSource,
    fallback_price,
    judge,
)
from config.settings import FeedGroup

D = Decimal
H, P = Health, PriceSource
BUDGETS = FeedGroup()
HOUR_MS = 3_600_000
EPOCH_MS = 1_700_000_000_000


def at(ms: int, exchange_step_ms: int = 0) -> Now:
    """So long after the start; by how much the exchange's time was set meanwhile."""
    return Now(7_000 + ms, EPOCH_MS + ms + exchange_step_ms)


def heard(ms: int = 0, event_ms: int | None = None) -> Freshness:
    """A feed that spoke at `ms`, of an event then or before."""
    event = EPOCH_MS + (ms if event_ms is None else event_ms)
    return freshness.heard(Freshness(), at(ms), event)


STEPS = [
    (0, H.FRESH),
    (4_999, H.FRESH),
    (5_000, H.QUIET),
    (14_999, H.QUIET),
    (15_000, H.STALE),
    (19_999, H.STALE),
    (20_000, H.LOST),
    (HOUR_MS, H.LOST),
]


@pytest.mark.parametrize(("silent_ms", "health"), STEPS)
def test_a_silent_feed_is_judged_by_its_silence(silent_ms: int, health: Health) -> None:
    judged = judge(heard(), at(silent_ms), BUDGETS)
    assert judged.health is health
    assert (judged.age, judged.value_ms) == ("message", silent_ms)


@pytest.mark.parametrize(("behind_ms", "health"), STEPS)
def test_a_feed_that_talks_of_the_past_is_judged_by_its_events(
    behind_ms: int, health: Health
) -> None:
    """A stale burst after a reconnect: messages come, and all are old."""
    judged = judge(heard(event_ms=-behind_ms), at(0), BUDGETS)
    assert judged.health is health
    if health is not H.FRESH:
        assert (judged.age, judged.value_ms) == ("event", behind_ms)


@pytest.mark.parametrize(("broken_ms", "health"), STEPS)
def test_a_hole_in_the_sequence_is_judged_by_how_long_it_stays(
    broken_ms: int, health: Health
) -> None:
    broken = freshness.gap_found(heard(), at(0))
    talking = freshness.heard(broken, at(broken_ms), EPOCH_MS + broken_ms)
    judged = judge(talking, at(broken_ms), BUDGETS)
    assert judged.health is health
    if health is not H.FRESH:
        assert (judged.age, judged.value_ms) == ("gap", broken_ms)


def test_a_second_hole_does_not_make_the_first_younger() -> None:
    broken = freshness.gap_found(freshness.gap_found(heard(), at(0)), at(4_000))
    talking = freshness.heard(broken, at(5_000), EPOCH_MS + 5_000)
    assert judge(talking, at(5_000), BUDGETS).health is H.QUIET


def test_a_mended_sequence_is_whole_at_once() -> None:
    broken = freshness.gap_found(heard(), at(0))
    mended = freshness.gap_repaired(
        freshness.heard(broken, at(30_000), EPOCH_MS + 30_000), at(30_000)
    )
    assert judge(mended, at(30_000), BUDGETS).health is H.FRESH
    assert mended.repaired_ms == at(30_000).monotonic_ms


def test_nothing_ever_heard_is_unknown_and_takes_no_entry() -> None:
    judged = judge(Freshness(), at(0), BUDGETS)
    assert judged == Judgement(H.UNKNOWN, "message", None, 5_000)
    assert not judged.consequence.entries


def test_only_a_fresh_feed_takes_entries_and_only_a_lost_one_is_dialled_again() -> None:
    assert set(CONSEQUENCES) == set(H)
    assert [h for h in H if CONSEQUENCES[h].entries] == [H.FRESH]
    assert [h for h in H if CONSEQUENCES[h].stale] == [H.STALE, H.LOST, H.UNKNOWN]
    assert [h for h in H if CONSEQUENCES[h].reconnect] == [H.LOST]


@pytest.mark.parametrize(("silent_ms", "health"), STEPS)
def test_a_market_of_bars_is_silent_for_a_bar_before_it_counts(
    silent_ms: int, health: Health
) -> None:
    judged = judge(heard(), at(60_000 + silent_ms), BUDGETS, bar_ms=60_000)
    assert judged.health is health


def test_a_bar_s_length_excuses_no_hole() -> None:
    broken = freshness.gap_found(heard(), at(0))
    assert judge(broken, at(5_000), BUDGETS, bar_ms=60_000).health is H.QUIET
    assert judge(heard(), at(5_000), BUDGETS, bar_ms=60_000).health is H.FRESH


def test_the_worst_age_decides() -> None:
    broken = freshness.gap_found(heard(event_ms=-16_000), at(-1))
    judged = judge(broken, at(6_000), BUDGETS)
    assert (judged.health, judged.age, judged.limit_ms) == (H.LOST, "event", 20_000)


def test_an_old_event_after_a_young_one_takes_nothing_back() -> None:
    out_of_order = freshness.heard(heard(), at(10), EPOCH_MS - HOUR_MS)
    assert judge(out_of_order, at(10), BUDGETS).health is H.FRESH


def test_an_event_from_the_future_does_not_vouch_for_what_follows() -> None:
    spiked = heard(event_ms=HOUR_MS)
    talking = freshness.heard(spiked, at(6_000), EPOCH_MS)
    judged = judge(talking, at(6_000), BUDGETS)
    assert (judged.health, judged.age, judged.value_ms) == (H.QUIET, "event", 6_000)


@pytest.mark.parametrize("step_ms", [-200, -HOUR_MS])
def test_an_exchange_clock_that_steps_back_makes_nothing_younger_than_now(
    step_ms: int,
) -> None:
    assert freshness.ages(heard(), at(100, step_ms)).event == 0
    assert judge(heard(), at(100, step_ms), BUDGETS).health is H.FRESH
    assert judge(heard(), at(5_000, step_ms), BUDGETS).health is H.QUIET


@pytest.mark.parametrize(
    ("late_ms", "late"), [(0, False), (3_000, False), (3_001, True)]
)
def test_a_candle_that_closes_late_is_marked(late_ms: int, *, late: bool) -> None:
    closed = freshness.bar_closed(Freshness(), at(late_ms), EPOCH_MS, BUDGETS)
    assert (closed.last_close_late, closed.late_closes) == (late, int(late))
    on_time = freshness.bar_closed(closed, at(60_000), EPOCH_MS + 60_000, BUDGETS)
    assert (on_time.last_close_late, on_time.late_closes) == (False, int(late))


# --- exits ------------------------------------------------------------------------


def price(source: PriceSource, value: int | str, ms: int) -> KnownPrice:
    return KnownPrice(source, D(value), at(ms).monotonic_ms)


QUOTE, TRADE, BAR = (
    price(P.QUOTE, 100, 0),
    price(P.TRADE, 101, 0),
    price(P.BAR_CLOSE, 102, 0),
)


@pytest.mark.parametrize(
    ("known", "source"),
    [
        ([BAR, TRADE, QUOTE], P.QUOTE),
        ([BAR, TRADE], P.TRADE),
        ([BAR], P.BAR_CLOSE),
        ([price(P.QUOTE, 100, -20_000), TRADE, BAR], P.TRADE),
        ([price(P.QUOTE, 100, -20_000), price(P.TRADE, 1, -20_000), BAR], P.BAR_CLOSE),
    ],
)
def test_an_exit_goes_by_the_best_source_that_is_fresh(
    known: list[KnownPrice], source: PriceSource
) -> None:
    found = fallback_price(known, at(1_000), BUDGETS.stale_ms_max)
    assert found is not None
    assert (found.source, found.age_ms) == (source, 1_000)


def test_an_exit_goes_by_the_youngest_price_when_none_is_fresh() -> None:
    known = [
        price(P.QUOTE, 100, 0),
        price(P.TRADE, 101, 0),
        price(P.BAR_CLOSE, 102, 50),
    ]
    found = fallback_price(known, at(HOUR_MS), BUDGETS.stale_ms_max)
    assert found == FallbackPrice(D(102), P.BAR_CLOSE, HOUR_MS - 50)
    same = fallback_price(known[:2], at(HOUR_MS), BUDGETS.stale_ms_max)
    assert same is not None
    assert same.source is P.QUOTE


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "Infinity"])
def test_a_price_that_is_no_price_is_passed_over(bad: str) -> None:
    found = fallback_price([price(P.QUOTE, bad, 0), BAR], at(0), BUDGETS.stale_ms_max)
    assert found == FallbackPrice(D(102), P.BAR_CLOSE, 0)
    assert fallback_price([price(P.QUOTE, bad, 0)], at(0), BUDGETS.stale_ms_max) is None


def test_without_any_price_there_is_none() -> None:
    assert fallback_price([], at(0), BUDGETS.stale_ms_max) is None
