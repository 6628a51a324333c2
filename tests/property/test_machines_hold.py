"""Whoever asks for whatever, in any order: no machine leaves its table."""

from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain import ledger
from actors.domain.errors import IllegalTransition
from actors.domain.messages import Transition
from actors.domain.phases import (
    GLOBAL_MACHINE,
    ORDER_MACHINE,
    SYMBOL_MACHINE,
    TRADE_MACHINE,
    WORKING_PHASES,
    Phase,
    TradePhase,
    check,
)
from actors.risk.account.machine import GlobalMachine
from actors.runtime.clock import MarketClock
from tests.trades import running

asks = st.lists(st.tuples(st.sampled_from(Phase), st.booleans(), st.booleans()))


@given(asks)
def test_the_global_machine_stays_in_its_table_and_tells_every_step(
    requests: list[tuple[Phase, bool, bool]],
) -> None:
    steps: list[Transition] = []
    machine = GlobalMachine(MarketClock(), steps.append)
    for target, forced, leads in requests:
        before, refused = machine.phase, machine.illegal_transitions
        if leads and target in WORKING_PHASES:
            machine.lead(target, "work", None)
            assert machine.phase is (target if before in WORKING_PHASES else before)
            continue
        took = machine.move(target, "ask", forced=forced)
        legal = target in GLOBAL_MACHINE[before]
        ignored = target is before and not forced
        assert took is (legal and not ignored)
        assert machine.phase is (target if took else before)
        assert machine.illegal_transitions - refused == (not took and not ignored)
    here = Phase.IDLE
    for step in steps:
        assert step.source is here
        assert step.target in GLOBAL_MACHINE[here]
        here = step.target
    assert here is machine.phase
    assert len(steps) == machine.transitions


@pytest.mark.parametrize("machine", [SYMBOL_MACHINE, TRADE_MACHINE, ORDER_MACHINE])
@given(requests=st.lists(st.integers(0, 9), max_size=30))
def test_a_checked_walk_stays_in_its_table(
    machine: dict[StrEnum, frozenset[StrEnum]], requests: list[int]
) -> None:
    states = list(machine)
    here = states[0]
    for number in requests:
        target = states[number % len(states)]
        if target in machine[here]:
            check(machine, here, target)
            here = target
        else:
            with pytest.raises(IllegalTransition, match=f"from {here}:"):
                check(machine, here, target)


@given(st.lists(st.sampled_from(TradePhase), max_size=30))
def test_a_trade_moves_by_its_table_or_not_at_all(requests: list[TradePhase]) -> None:
    position = running()
    for target in requests:
        before = position
        if target in TRADE_MACHINE[before.phase] or target is before.phase:
            position = ledger.move(position, target)
            assert position.phase is target
        else:
            with pytest.raises(IllegalTransition, match=str(target)):
                ledger.move(position, target)
            assert position is before
