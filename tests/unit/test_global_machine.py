"""The global machine at work: what it takes, what it refuses, what it keeps."""

from itertools import product

import pytest

from actors.domain.messages import Transition
from actors.domain.phases import GLOBAL_MACHINE, WORKING_PHASES, Phase
from actors.risk.account.machine import HISTORY_LENGTH, GlobalMachine
from actors.runtime.clock import MarketClock

NOW_MS = 1_700_000_000_000
PAIRS = [(a, b) for a, b in product(Phase, Phase) if a is not b]
ILLEGAL = [(a, b) for a, b in PAIRS if b not in GLOBAL_MACHINE[a]]
LEGAL = [(a, b) for a, b in PAIRS if b in GLOBAL_MACHINE[a]]


class Recorded:
    """A machine, and everything it handed to the journal."""

    def __init__(self, phase: Phase = Phase.IDLE) -> None:
        self.steps: list[Transition] = []
        self.machine = GlobalMachine(MarketClock(NOW_MS), self.steps.append)
        self.machine.phase = phase


@pytest.mark.parametrize(("source", "target"), ILLEGAL)
@pytest.mark.parametrize("forced", [False, True])
def test_a_refused_move_changes_nothing_but_its_counter(
    source: Phase, target: Phase, *, forced: bool
) -> None:
    at = Recorded(source)
    assert at.machine.move(target, "because", forced=forced) is False
    assert at.machine.phase is source
    assert (list(at.machine.history), at.steps, at.machine.transitions) == ([], [], 0)
    assert at.machine.illegal_transitions == 1


@pytest.mark.parametrize(("source", "target"), LEGAL)
def test_a_legal_move_is_journalled_counted_and_kept(
    source: Phase, target: Phase
) -> None:
    at = Recorded(source)
    assert at.machine.move(target, "why", "AAA/USDT", metadata={"k": "v"})
    assert at.machine.phase is target
    step = Transition(NOW_MS, source, target, "why", "AAA/USDT", {"k": "v"})
    assert at.steps == [step] == list(at.machine.history)
    assert (at.machine.transitions, at.machine.illegal_transitions) == (1, 0)


@pytest.mark.parametrize("phase", Phase)
def test_a_move_to_the_same_state_is_ignored(phase: Phase) -> None:
    at = Recorded(phase)
    assert at.machine.move(phase, "again") is False
    assert (at.steps, at.machine.illegal_transitions) == ([], 0)


def test_managing_to_managing_is_taken_when_forced() -> None:
    at = Recorded(Phase.MANAGING)
    assert at.machine.move(Phase.MANAGING, "another position", forced=True)
    assert at.steps[0].source is at.steps[0].target is Phase.MANAGING


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.MANAGING}))
def test_force_does_not_make_an_edge(phase: Phase) -> None:
    at = Recorded(phase)
    assert at.machine.move(phase, "again", forced=True) is False
    assert (at.steps, at.machine.illegal_transitions) == ([], 1)


def test_a_step_is_journalled_before_it_is_visible() -> None:
    seen: list[Phase] = []
    machine = GlobalMachine(MarketClock(), lambda _step: seen.append(machine.phase))
    machine.move(Phase.SCANNING, "go")
    assert seen == [Phase.IDLE]


def test_a_step_that_cannot_be_journalled_is_not_taken() -> None:
    def full(_step: Transition) -> None:
        msg = "disk full"
        raise OSError(msg)

    machine = GlobalMachine(MarketClock(), full)
    with pytest.raises(OSError, match="disk full"):
        machine.move(Phase.SCANNING, "go")
    assert (machine.phase, machine.transitions) == (Phase.IDLE, 0)
    assert not machine.history


def test_the_newest_hundred_steps_are_at_hand_and_all_are_journalled() -> None:
    at = Recorded(Phase.SCANNING)
    for turn in range(60):
        at.machine.move(Phase.MANAGING, f"in {turn}")
        at.machine.move(Phase.SCANNING, f"out {turn}")
    assert HISTORY_LENGTH == len(at.machine.history) == 100
    assert list(at.machine.history) == at.steps[-100:]
    assert len(at.steps) == at.machine.transitions == 120


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_it_says_which_moves_it_allows(source: Phase, target: Phase) -> None:
    allowed = Recorded(source).machine.allows(target)
    assert allowed is Recorded(source).machine.move(target, "why")


@pytest.mark.parametrize(
    ("source", "stage"), list(product(sorted(WORKING_PHASES), repeat=2))
)
def test_leading_walks_to_the_stage_and_stamps_each_step(
    source: Phase, stage: Phase
) -> None:
    at = Recorded(source)
    at.machine.lead(stage, "work", "SOL/USDT")
    assert (at.machine.phase, at.machine.illegal_transitions) == (stage, 0)
    assert {(s.reason, s.symbol) for s in at.steps} <= {("work", "SOL/USDT")}
    assert bool(at.steps) is (source is not stage)


@pytest.mark.parametrize("resting", sorted(set(Phase) - WORKING_PHASES))
def test_work_does_not_lead_an_engine_that_is_not_at_work(resting: Phase) -> None:
    at = Recorded(resting)
    at.machine.lead(Phase.MANAGING, "work", None)
    assert (at.machine.phase, at.steps) == (resting, [])
    assert at.machine.illegal_transitions == 0
