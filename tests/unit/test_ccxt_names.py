"""What the adapter relies on is where it was; a new ccxt or httpx fails here first."""

import ast
import hashlib
import importlib
import inspect
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from actors.exchange.ccxtrio import names
from actors.exchange.ccxtrio.classes import Family, exchange_class, exchange_ids
from actors.exchange.ccxtrio.client import SocketClient
from actors.exchange.ccxtrio.gather import Asyncio
from actors.exchange.ccxtrio.importing import HEAVY
from actors.exchange.ccxtrio.rest import RestOnTrio
from actors.exchange.ccxtrio.stream import StreamOnTrio

HEAVY_BASE = HEAVY[1]
CCXT = Path(importlib.import_module(HEAVY_BASE).__file__ or "").parents[2]
ASYNCIO_NAME = re.compile(r"\basyncio\.(\w+)")
ASYNCIO_IMPORT = re.compile(r"^from asyncio\b.*|^import asyncio .*", re.MULTILINE)
COMMENTS_AND_BLANKS = re.compile(r"#.*|\s+")


def fingerprint(owner: str, name: str) -> str:
    module, _, class_name = owner.partition(":")
    cls = getattr(importlib.import_module(module), class_name)
    method = inspect.getattr_static(cls, name, None)
    if method is None:
        return f"gone from {owner}"
    source = inspect.getsource(getattr(method, "__func__", method))
    bare = COMMENTS_AND_BLANKS.sub("", source).encode()
    return hashlib.sha256(bare).hexdigest()[:12]


def methods(table: dict[str, dict[str, str]]) -> Iterator[tuple[str, str, str]]:
    for owner, known in table.items():
        for name, print_of_it in known.items():
            yield owner, name, print_of_it


def test_ccxt_is_the_version_that_the_adapter_was_made_for() -> None:
    assert version("ccxt") == names.CCXT_VERSION


@pytest.mark.parametrize(
    ("owner", "name", "known"),
    [*methods(names.REPLACED), *methods(names.RELIED_ON)],
)
def test_a_method_of_ccxt_is_as_it_was(owner: str, name: str, known: str) -> None:
    assert fingerprint(owner, name) == known, (
        f"{owner}.{name} moved or changed: compare it with actors/exchange/ccxtrio, "
        "run python -m tests.differential --all, then write its new fingerprint"
    )


def test_every_replaced_method_is_really_replaced() -> None:
    binance = exchange_class("binance")
    owners = (binance, SocketClient)
    for cls, (owner, known) in zip(
        owners, list(names.REPLACED.items())[:2], strict=True
    ):
        unused = {"aiohttp_close", "create_connection", "open", "ping_loop", "receive"}
        unused |= {"receive_loop"}
        for name in known.keys() - (unused if cls is SocketClient else set()):
            module = getattr(cls, name).__module__
            assert module.startswith("actors."), f"{owner}.{name} is ccxt's own"


def test_a_client_has_the_attributes_that_exchanges_use() -> None:
    module = importlib.import_module("ccxt.async_support.base.ws.client")
    made = inspect.getsource(module.Client.__init__)
    absent = [
        name
        for name in names.CLIENT_ATTRIBUTES
        if not hasattr(module.Client, name) and name not in made
    ]
    assert absent == [], "ccxt's Client has these no more"


def test_an_exchange_has_the_attributes_that_the_adapter_uses() -> None:
    exchange = exchange_class("kraken")({})
    absent = [name for name in names.EXCHANGE_ATTRIBUTES if not hasattr(exchange, name)]
    assert absent == [], "ccxt's exchanges have these no more"
    assert exchange.session is None, "its headers would go out with every request"


def test_all_of_our_own_names_are_told() -> None:
    base = exchange_class("kraken").__mro__[2:]
    known = {name for cls in base for name in vars(cls)}
    ours = {name for cls in (RestOnTrio, StreamOnTrio) for name in vars(cls)}
    public = {name for name in ours - known if not name.startswith("__")}
    assert public <= set(names.OWN_NAMES)


@pytest.mark.parametrize(("module", "known"), names.IMPORTED.items())
def test_a_module_of_ccxt_has_what_is_imported(module: str, known: list[str]) -> None:
    found = vars(importlib.import_module(module))
    assert [name for name in known if name not in found] == []


@pytest.mark.parametrize("family", Family)
def test_no_exchange_has_a_use_for_our_names(family: Family) -> None:
    taken = [
        f"{family}.{exchange_id}.{name}"
        for exchange_id in exchange_ids(family)
        for cls in exchange_class(exchange_id, family).__mro__
        if cls.__module__.startswith("ccxt.")
        for name in names.OWN_NAMES
        if name in vars(cls)
    ]
    assert taken == []


def asyncio_names(tree: ast.AST) -> set[str]:
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "asyncio"
    }


def exchange_files() -> list[Path]:
    rooms = ("pro", "async_support", "prediction")
    return sorted(path for room in rooms for path in (CCXT / room).glob("*.py"))


def test_exchanges_use_no_new_name_of_asyncio() -> None:
    assert len(exchange_files()) > 180
    found = {}
    for path in exchange_files():
        text = path.read_text()
        new = {*ASYNCIO_NAME.findall(text)} - names.ASYNCIO_OF_EXCHANGES
        new |= {*ASYNCIO_IMPORT.findall(text)}
        if new:
            found[path.name] = new
    assert found == {}, "teach actors/exchange/ccxtrio/gather.py these names"


def test_the_base_class_uses_asyncio_only_where_it_is_known() -> None:
    tree = ast.parse((CCXT / "async_support/base/exchange.py").read_text())
    replaced = names.REPLACED[f"{HEAVY_BASE}:BaseExchange"].keys()
    used = {
        node.name: asyncio_names(node)
        for cls in tree.body
        if isinstance(cls, ast.ClassDef)
        for node in cls.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name not in replaced
        and asyncio_names(node)
    }
    assert used == names.ASYNCIO_OF_BASE


def test_no_exchange_makes_a_future_of_its_own() -> None:
    made = [
        path.name
        for path in exchange_files()
        if re.search(r"\bFuture\(|ensure_future|create_task", path.read_text())
    ]
    assert made == []


def test_the_stand_in_for_asyncio_has_what_is_used_and_no_more() -> None:
    has = {name for name in vars(Asyncio) if not name.startswith("_")}
    base = frozenset().union(*names.ASYNCIO_OF_BASE.values())
    assert has == names.ASYNCIO_OF_EXCHANGES | base


def test_only_the_files_we_replace_import_what_is_deferred() -> None:
    pattern = re.compile(
        rf"^\s*(?:from|import) (?:{'|'.join(names.DEFERRED)})\b", re.MULTILINE
    )
    found = {
        str(path.relative_to(CCXT))
        for path in CCXT.rglob("*.py")
        if "test" not in path.parts and pattern.search(path.read_text())
    }
    known = {f"{module.removeprefix('ccxt.').replace('.', '/')}.py" for module in HEAVY}
    assert found == known


def test_httpx_sends_the_target_that_the_extension_says() -> None:
    request = httpx.Request("GET", "http://a/b", extensions={names.TARGET: b"/c,d"})
    assert request.extensions[names.TARGET] == b"/c,d"
    core = importlib.import_module("httpcore._models")
    assert f'"{names.TARGET}" in self.extensions' in inspect.getsource(core)


def test_httpcore_says_that_a_server_is_gone_in_the_words_we_know() -> None:
    module = importlib.import_module("httpcore._async.http11")
    assert names.SERVER_GONE in inspect.getsource(module)
