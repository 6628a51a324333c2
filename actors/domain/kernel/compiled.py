"""Compiles the kernel's functions, and keeps stale machine code from being run.

Numba's disk cache notices a change of the file that holds the cached function, not
of the files it calls into. Hence two rules: only entries are cached, so an entry is
always built from fresh parts; and an entry closes over `fingerprint()` of all parts,
which is part of the cache's key. With NUMBA_DISABLE_JIT=1 both decorators return
the plain Python function.
"""

import hashlib
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])

_parts: list[FunctionType] = []


def part(function: Function) -> Function:
    """Compile a function that entries call; it is built anew into each of them."""
    _parts.append(cast("FunctionType", function))
    # No wrapper for calls from Python: those take a third of the time to compile.
    decorate = cast("Any", njit)(no_cpython_wrapper=True, no_cfunc_wrapper=True)
    return cast("Function", decorate(function))


def indicator(function: Function) -> Function:
    """Compile a part that Python may call as well."""
    _parts.append(cast("FunctionType", function))
    return cast("Function", njit(function))


def entry(function: Function) -> Function:
    """Compile a function that Python calls, and keep its machine code on disk.

    The function must be made inside another one that gives it `fingerprint()` as a
    closure variable, or a change in one of its parts would go unnoticed.
    """
    code = cast("FunctionType", function).__code__
    assert code.co_freevars, f"{code.co_name}: an entry closes over fingerprint()"
    return cast("Function", njit(cache=True)(function))


def fingerprint() -> str:
    """Hash every part that is registered so far, with the constants it refers to."""
    digest = hashlib.sha256()
    for function in _parts:
        _add_code(digest, function.__code__)
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            constants = vars(value) if isinstance(value, ModuleType) else {name: value}
            for key, constant in sorted(constants.items()):
                if isinstance(constant, int | float):
                    digest.update(f"{key}={constant!r};".encode())
    return digest.hexdigest()


def _add_code(digest: "hashlib._Hash", code: CodeType) -> None:
    digest.update(code.co_code)
    digest.update(repr((code.co_names, code.co_varnames)).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add_code(digest, constant)
        else:
            digest.update(repr(constant).encode())
