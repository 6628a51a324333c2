"""Finds a strategy: one of ours by its name, a person's own by its file's path."""

import importlib
import inspect
import re
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from actors.domain.errors import StrategyError
from actors.domain.findings import Strategy
from actors.domain.strategies.base import BarStrategy
from config.preset import Preset

#: Our own: the module of that name, and the class in it.
SHIPPED = {"breakout": "Breakout", "donchian": "Donchian", "ema_rsi": "EmaRsi"}
BARS_MIN, BARS_MAX = 2, 1000


def load_strategy(spec: str, preset: Preset) -> Strategy:
    """Make the strategy called `spec`, or the one in the .py file at that path.

    Each of ours is imported only when asked for: its compiled code takes a moment.
    Raises StrategyError, naming file and line, for an unknown name, a file that
    cannot be read or run, and one that does not hold exactly one good strategy.
    """
    if spec.endswith(".py"):
        from actors.domain.strategies.adapter import (  # noqa: PLC0415 - loaded lazily
            BarStrategies,
        )

        return BarStrategies(_own(Path(spec)), preset)
    if spec not in SHIPPED:
        msg = (
            f"there is no strategy {spec!r}; choose one of {', '.join(SHIPPED)}, or "
            "give the path of a .py file"
        )
        raise StrategyError(msg)
    module = importlib.import_module(f"actors.domain.strategies.{spec}")
    made: Strategy = getattr(module, SHIPPED[spec])(preset)
    return made


def _own(path: Path) -> type[BarStrategy]:
    """Find the one strategy that a file defines."""
    module = _run(path)
    found = [
        member
        for member in vars(module).values()
        if inspect.isclass(member)
        and issubclass(member, BarStrategy)
        and member.__module__ == module.__name__
    ]
    if len(found) != 1:
        names = ", ".join(_placed(kind) for kind in found) or "none"
        msg = (
            f"{path}: it defines {len(found)} subclasses of BarStrategy ({names}); "
            "exactly 1 is needed; keep one strategy in a file"
        )
        raise StrategyError(msg)
    _check(found[0], path)
    return found[0]


def _run(path: Path) -> ModuleType:
    """Import a file under a name of its own."""
    name = f"breakout_strategy_{re.sub(r'[^A-Za-z0-9]', '_', path.stem)}"
    spec = spec_from_file_location(name, path, loader=SourceFileLoader(name, str(path)))
    assert spec is not None, "a loader was given"
    assert spec.loader is not None, "a loader was given"
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        msg = f"strategy file {path} cannot be read: {error.strerror}; check the path"
        raise StrategyError(msg) from error
    except SyntaxError as error:
        msg = f"{error.filename}:{error.lineno}: {error.msg}; correct the syntax there"
        raise StrategyError(msg) from error
    except Exception as error:  # A border: a person's file may raise anything.
        line = _line_within(error, path)
        msg = f"{path}:{line}: {type(error).__name__}: {error}; correct it there"
        raise StrategyError(msg) from error
    return module


def _line_within(error: BaseException, path: Path) -> int:
    """Find the last line of the file itself that led to an error."""
    line, frame = 0, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == str(path):
            line = frame.tb_lineno
        frame = frame.tb_next
    return line


def _placed(kind: type[BarStrategy]) -> str:
    return f"{kind.__name__} in line {inspect.getsourcelines(kind)[1]}"


def _check(kind: type[BarStrategy], path: Path) -> None:
    """Raise StrategyError unless a strategy says who it is and what it needs."""
    where = f"{path}: {_placed(kind)}"
    name = getattr(kind, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9_]{1,40}", name):
        msg = f"{where}: name is {name!r}; it must be 1 to 40 of a-z, 0-9 and _"
        raise StrategyError(msg)
    bars = kind.bars_needed
    if not isinstance(bars, int) or not BARS_MIN <= bars <= BARS_MAX:
        msg = f"{where}: bars_needed is {bars!r}; it must be {BARS_MIN} to {BARS_MAX}"
        raise StrategyError(msg)
    if inspect.isabstract(kind):
        msg = f"{where}: it has no on_bar(self, window); write one"
        raise StrategyError(msg)
