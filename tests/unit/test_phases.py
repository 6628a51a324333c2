"""The tables of states, held against the design's own words."""

from itertools import pairwise, product

import pytest

from actors.domain.errors import IllegalTransition
from actors.domain.orders import OrderState
from actors.domain.phases import (
    GLOBAL_MACHINE,
    LEADING_STAGES,
    LIVE_ORDER_STATES,
    ORDER_MACHINE,
    RUNNING_PHASES,
    SYMBOL_MACHINE,
    TRADE_MACHINE,
    WORKING_PHASES,
    Phase,
    SymbolPhase,
    TradePhase,
    check,
    mermaid,
    route,
)

#: The design's matrix, word for word; written here a second time on purpose.
DESIGN = {
    "IDLE": "INITIALIZING, SCANNING, STOPPED, ERROR",
    "INITIALIZING": "SCANNING, ERROR, EMERGENCY, STOPPED",
    "SCANNING": "LEVEL_BUILDING, MANAGING, PAUSED, ERROR, EMERGENCY, STOPPED",
    "LEVEL_BUILDING": "SIGNAL_WAIT, SCANNING, ERROR, EMERGENCY, STOPPED",
    "SIGNAL_WAIT": "SIZING, MANAGING, SCANNING, PAUSED, ERROR, EMERGENCY, STOPPED",
    "SIZING": "EXECUTION, SCANNING, ERROR, EMERGENCY, STOPPED",
    "EXECUTION": "MANAGING, SCANNING, ERROR, EMERGENCY, STOPPED",
    "MANAGING": "SCANNING, MANAGING, PAUSED, ERROR, EMERGENCY, STOPPED",
    "PAUSED": "SCANNING, MANAGING, IDLE, ERROR, EMERGENCY, STOPPED",
    "ERROR": "SCANNING, MANAGING, IDLE, EMERGENCY, STOPPED",
    "EMERGENCY": "STOPPED, IDLE",
    "STOPPED": "IDLE, INITIALIZING",
}
PAIRS = list(product(Phase, Phase))
LEGAL = [(a, b) for a, b in PAIRS if b in DESIGN[a].split(", ")]
ILLEGAL = [pair for pair in PAIRS if pair not in LEGAL]
WALKS = [(a, b) for a, b in product(sorted(WORKING_PHASES), repeat=2) if a is not b]


def test_the_matrix_has_144_pairs_of_which_57_are_legal() -> None:
    assert len(PAIRS) == 144
    assert len(LEGAL) == 57
    assert len(LEGAL) + len(ILLEGAL) == 144


@pytest.mark.parametrize(("source", "target"), LEGAL)
def test_every_edge_of_the_design_is_legal(source: Phase, target: Phase) -> None:
    check(GLOBAL_MACHINE, source, target)


@pytest.mark.parametrize(("source", "target"), ILLEGAL)
def test_every_other_pair_is_refused_with_what_is_allowed(
    source: Phase, target: Phase
) -> None:
    with pytest.raises(IllegalTransition) as refused:
        check(GLOBAL_MACHINE, source, target)
    allowed = ", ".join(sorted(DESIGN[source].split(", ")))
    assert str(refused.value) == (
        f"{source} -> {target} is not in the table; from {source}: {allowed}"
    )


@pytest.mark.parametrize(
    ("machine", "states"),
    [
        (GLOBAL_MACHINE, Phase),
        (SYMBOL_MACHINE, SymbolPhase),
        (TRADE_MACHINE, TradePhase),
        (ORDER_MACHINE, OrderState),
    ],
)
def test_every_state_has_a_row(machine: dict, states: type) -> None:
    assert list(machine) == list(states)
    assert all(targets <= set(states) for targets in machine.values())


@pytest.mark.parametrize(
    ("machine", "end"),
    [
        (TRADE_MACHINE, TradePhase.CLOSED),
        (ORDER_MACHINE, OrderState.FILLED),
        (ORDER_MACHINE, OrderState.REFUSED),
    ],
)
def test_an_end_is_an_end(machine: dict, end: str) -> None:
    for state in machine:
        with pytest.raises(IllegalTransition, match="nothing: it is an end"):
            check(machine, end, state)


def test_dust_can_only_be_closed() -> None:
    assert TRADE_MACHINE[TradePhase.DUST] == {TradePhase.CLOSED}


def test_no_trade_goes_back_to_its_entry() -> None:
    assert all(TradePhase.ENTRY not in targets for targets in TRADE_MACHINE.values())


def test_a_trailing_trade_never_goes_back_to_break_even() -> None:
    assert TradePhase.BREAKEVEN not in TRADE_MACHINE[TradePhase.TRAILING]


@pytest.mark.parametrize("state", sorted(set(TradePhase) - {TradePhase.CLOSED}))
def test_every_trade_can_close(state: TradePhase) -> None:
    check(TRADE_MACHINE, state, TradePhase.CLOSED)


@pytest.mark.parametrize("ended", [OrderState.CANCELLED, OrderState.ABSENT])
@pytest.mark.parametrize("late", [OrderState.PARTIAL, OrderState.FILLED])
def test_a_late_fill_has_an_edge_out_of_every_doubtful_end(
    ended: OrderState, late: OrderState
) -> None:
    check(ORDER_MACHINE, ended, late)


def test_an_unknown_order_is_never_sent_again() -> None:
    senders = {
        s for s, targets in ORDER_MACHINE.items() if OrderState.SENDING in targets
    }
    assert senders == {OrderState.PLANNED}


def test_only_an_unknown_order_is_ever_found_absent() -> None:
    doubtful = {
        s for s, targets in ORDER_MACHINE.items() if OrderState.ABSENT in targets
    }
    assert doubtful == {OrderState.UNKNOWN}


def test_the_live_order_states_are_those_that_may_still_fill() -> None:
    words = {"sending", "unknown", "open", "partial", "cancelling"}
    assert words == LIVE_ORDER_STATES


def test_a_quarantined_symbol_only_restarts() -> None:
    assert SYMBOL_MACHINE[SymbolPhase.QUARANTINED] == {SymbolPhase.RESTARTING}


@pytest.mark.parametrize("state", sorted(set(SymbolPhase) - {SymbolPhase.QUARANTINED}))
def test_every_symbol_can_be_quarantined(state: SymbolPhase) -> None:
    check(SYMBOL_MACHINE, state, SymbolPhase.QUARANTINED)


def test_the_leading_stage_is_ordered_as_the_design_says() -> None:
    order = "EXECUTION SIZING MANAGING SIGNAL_WAIT LEVEL_BUILDING"
    assert " ".join(LEADING_STAGES) == order


def test_running_is_work_or_waiting_for_it() -> None:
    assert {"INITIALIZING", "PAUSED"} == RUNNING_PHASES - WORKING_PHASES


@pytest.mark.parametrize(("source", "target"), WALKS)
def test_a_walk_takes_legal_edges_and_arrives(source: Phase, target: Phase) -> None:
    walk = (source, *route(source, target))
    assert walk[-1] is target
    for here, there in pairwise(walk):
        check(GLOBAL_MACHINE, here, there)


@pytest.mark.parametrize(("source", "target"), WALKS)
def test_a_walk_passes_only_states_that_are_true_on_the_way(
    source: Phase, target: Phase
) -> None:
    """A position in hand is claimed by no walk, an order in flight neither.

    A signal is only sized on the way to its execution.
    """
    passed = set(route(source, target)[:-1])
    assert not passed & {Phase.MANAGING, Phase.EXECUTION}
    assert Phase.SIZING not in passed or target is Phase.EXECUTION


def test_a_signal_beside_a_managed_position_walks_as_the_design_tells() -> None:
    walk = "SCANNING LEVEL_BUILDING SIGNAL_WAIT SIZING"
    assert " ".join(route(Phase.MANAGING, Phase.SIZING)) == walk


@pytest.mark.parametrize("here", Phase)
def test_no_walk_leads_from_a_state_to_itself(here: Phase) -> None:
    assert route(here, here) == ()


@pytest.mark.parametrize("target", sorted(WORKING_PHASES))
def test_no_walk_leads_out_of_an_emergency(target: Phase) -> None:
    with pytest.raises(IllegalTransition, match=f"from EMERGENCY to {target}"):
        route(Phase.EMERGENCY, target)


def test_a_diagram_has_every_edge_once() -> None:
    lines = mermaid(GLOBAL_MACHINE).splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert sorted(line.strip() for line in lines[1:]) == sorted(
        f"{source} --> {target}" for source, target in LEGAL
    )
