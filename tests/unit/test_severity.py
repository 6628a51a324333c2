"""The table of errors: complete, without ghosts, the most specific row wins."""

import builtins

import msgspec
import pytest
import trio

import config.errors
from actors.domain import errors
from actors.domain.severity import (
    VERDICTS,
    Category,
    Severity,
    verdict_named,
    verdict_of,
)
from actors.runtime import errors as runtime_errors

SPOKEN_FOR = {**vars(builtins), **vars(trio), **vars(msgspec)}
OURS = {
    name: thing
    for room in (errors, runtime_errors, config.errors)
    for name, thing in vars(room).items()
    if isinstance(thing, type)
}


@pytest.mark.parametrize("name", VERDICTS)
def test_every_row_names_an_error_that_exists(name: str) -> None:
    assert issubclass((SPOKEN_FOR | OURS)[name], BaseException)


@pytest.mark.parametrize("name", OURS)
def test_every_error_of_ours_has_a_verdict_of_its_own_tree(name: str) -> None:
    ancestors = {kind.__name__ for kind in OURS[name].__mro__ if kind in OURS.values()}
    given = verdict_of(OURS[name]("x"))
    assert given in [VERDICTS[a] for a in ancestors if a in VERDICTS]


def test_most_specific_row_decides() -> None:
    assert verdict_of(ConnectionResetError()).category is Category.TRANSIENT
    assert verdict_of(PermissionError()).category is Category.INTERNAL
    assert verdict_of(errors.JournalError()).severity is Severity.CRITICAL


def test_unlisted_error_is_ours() -> None:
    verdict = verdict_of(KeyError("x"))
    assert (verdict.category, verdict.severity) == (Category.INTERNAL, Severity.ERROR)


def test_group_is_as_bad_as_its_worst_member() -> None:
    group = ExceptionGroup("", [TimeoutError(), ExceptionGroup("", [AssertionError()])])
    assert verdict_of(group).severity is Severity.CRITICAL


def test_ranks_rise_with_severity() -> None:
    assert [severity.rank for severity in Severity] == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["JournalError", "TimeoutError", "AssertionError"])
def test_a_name_alone_has_the_verdict_of_its_class(name: str) -> None:
    assert verdict_named(name) == VERDICTS[name]


def test_a_name_without_a_row_is_ours() -> None:
    assert verdict_named("SomethingOdd") == verdict_of(KeyError("x"))
