"""Imports ccxt so that only the exchange that is asked for is loaded.

Each of ccxt's packages imports every exchange in its `__init__`, and the base classes
import the packages: one exchange costs all of them, half a second and 110 MB. So before
anything of ccxt is imported, the packages are put in place without running their
`__init__`. That file is read as a table instead, of who exports which name, and a name
is imported when somebody asks for it.

aiohttp is deferred in the same way: ccxt imports it at the top of two files that the
adapter replaces, so nothing of it is used. Whoever does touch it gets the real one. So
are httpx's command line, which is half of the time that httpx takes to import, and what
requests guesses encodings with.
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from actors.domain.errors import ExchangeError
from actors.exchange.ccxtrio.names import CCXT_VERSION, DEFERRED

PACKAGES = ("ccxt", "ccxt.async_support", "ccxt.pro", "ccxt.prediction")
#: The files of ccxt that import what is deferred.
HEAVY = ("ccxt.async_support.base.ws.client", "ccxt.async_support.base.exchange")
HTTP = "httpx"
EXPORT = re.compile(r"^from +(ccxt[\w.]*) +import +(\w+)", re.MULTILINE)
VERSION = re.compile(r"^__version__ = '(.+)'", re.MULTILINE)


class Package(ModuleType):
    """A package of ccxt whose names are imported when they are asked for."""

    def __init__(self, name: str, place: Path) -> None:
        super().__init__(name)
        text = (place / "__init__.py").read_text()
        found = VERSION.search(text)
        self.__path__ = [str(place)]
        self.__file__ = str(place / "__init__.py")
        self.__package__ = name
        self.__spec__ = ModuleSpec(name, None, is_package=True)
        self.__spec__.submodule_search_locations = self.__path__
        self.__version__ = found.group(1) if found else "unknown"
        self._exports = {name: module for module, name in EXPORT.findall(text)}

    def __getattr__(self, name: str) -> Any:
        source = self._exports.get(name)
        if source is None:
            msg = f"{self.__name__} exports no {name!r}"
            raise AttributeError(msg)
        module = importlib.import_module(source)
        value = getattr(module, name, None) or importlib.import_module(
            f"{source}.{name}"
        )
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep the class where a class and its module have the same name.

        importlib binds a loaded module to its package. The real `__init__` then covers
        it with the class, and ccxt's subclasses rely on that.
        """
        if (
            isinstance(value, ModuleType)
            and value.__name__ == f"{self.__name__}.{name}"
        ):
            value = getattr(value, name, value)
        super().__setattr__(name, value)

    def exchanges(self) -> frozenset[str]:
        """Give the id of every exchange of this package, imported or not."""
        own = {f"{self.__name__}.{name}" for name in self._exports}
        return frozenset(
            name for name, module in self._exports.items() if module in own
        )


class Deferred(ModuleType):
    """A module that is imported at the first use of one of its names."""

    def __init__(self, module: str, attribute: str = "") -> None:
        super().__init__(module)
        self._attribute = attribute

    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            return version(self.__name__)
        if name.startswith("__"):
            raise AttributeError(name)
        module = importlib.import_module(self.__name__)
        owner = getattr(module, self._attribute) if self._attribute else module
        return getattr(owner, name)


def install() -> None:
    """Put the lazy packages in place, once, and load ccxt's base classes."""
    if isinstance(sys.modules.get("ccxt"), Package):
        return
    if "ccxt" in sys.modules:
        msg = "ccxt was imported before its adapter: import actors.exchange first"
        raise ExchangeError(msg)
    spec = importlib.util.find_spec("ccxt")  # finds it, does not run it
    assert spec is not None
    assert spec.submodule_search_locations
    root = Path(spec.submodule_search_locations[0])
    packages = [Package(name, root.joinpath(*name.split(".")[1:])) for name in PACKAGES]
    found = packages[0].__version__
    if found != CCXT_VERSION:
        msg = f"ccxt is {found}; the adapter is made for {CCXT_VERSION}: install that"
        raise ExchangeError(msg)
    for package in packages:
        sys.modules[package.__name__] = package
        parent, _, child = package.__name__.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, package)
    with _deferring():
        for module in (HTTP, *HEAVY):
            importlib.import_module(module)


@contextmanager
def _deferring() -> Iterator[None]:
    """Let imports of what is deferred find a stand-in, and nobody else later."""
    absent = [name for name in DEFERRED if name not in sys.modules]
    for name in absent:
        stand_in: Any = None  # an optional import: "not installed"
        attributes = DEFERRED[name]
        if attributes is not None:
            stand_in = Deferred(name)
            for attribute in attributes:
                setattr(stand_in, attribute, Deferred(name, attribute))
        sys.modules[name] = stand_in
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
