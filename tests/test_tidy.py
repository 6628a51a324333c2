"""Style is a test: sizes, banned names, banned calls, dead modules."""

import ast
import re
from pathlib import Path

import pytest

from actors.domain.strategies.loader import SHIPPED
from control.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path
    for room in ("actors", "config", "control")
    for path in (ROOT / room).rglob("*.py")
    if "node_modules" not in path.parts
)
TESTS = sorted((ROOT / "tests").rglob("*.py"))

SOURCE_LINES_MAX = 300
TEST_LINES_MAX = 400
FUNCTION_LINES_MAX = 40

TOP_LEVEL = {
    "actors",
    "config",
    "control",
    "tests",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "docs",  # the depth that the README only points to
}

BANNED_NAME = re.compile(
    r"(manager|helper|util|^process_|_data$|_info$)", re.IGNORECASE
)
#: Names of other libraries that we override.
BORROWED_NAMES = {"_read_data"}
BANNED_TEXT = {
    "open_memory_channel(math.inf": "every queue has a bound",
    "import asyncio": "the engine runs on trio alone",
    "uuid4(": "ids are functions of their inputs",
    "TODO": "finish it or leave it out",
    "NotImplementedError(": "no stubs",
}
#: Floats live where the market is seen; money never sees one.
FLOAT_ROOMS = ("kernel", "strategies", "shown")
FLOAT_MODULES = {"bars", "findings", "translate", "money", "messages", "views"}


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def length_without_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        assert first.end_lineno is not None
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_the_top_level_is_exactly_the_agreed_one() -> None:
    tracked = {
        path.name
        for path in ROOT.iterdir()
        if not path.name.startswith(".")
        and not path.name.endswith(".egg-info")
        and path.name not in {"build", "dist", "__pycache__"}
    }
    assert tracked >= TOP_LEVEL
    stray = {name for name in tracked - TOP_LEVEL if not ignored(name)}
    assert stray == set()


def ignored(name: str) -> bool:
    """What .gitignore names may lie about."""
    patterns = (ROOT / ".gitignore").read_text().split()
    path = Path("/") / name
    return any(path.match(pattern.strip("/")) for pattern in patterns)


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_a_source_file_fits_on_a_few_pages(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= SOURCE_LINES_MAX


@pytest.mark.parametrize("path", TESTS, ids=identify)
def test_a_test_file_is_not_a_book(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= TEST_LINES_MAX


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_functions_fit_on_a_screen(path: Path) -> None:
    long = {
        node.name: length
        for node in functions(path)
        if (length := length_without_docstring(node)) > FUNCTION_LINES_MAX
    }
    assert long == {}


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_names_say_what_a_thing_is(path: Path) -> None:
    tree = ast.parse(path.read_text())
    named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = [node.name for node in ast.walk(tree) if isinstance(node, named)]
    found = [name for name in [path.stem, *names] if BANNED_NAME.search(name)]
    assert set(found) <= BORROWED_NAMES


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_banned_calls_are_absent(path: Path) -> None:
    text = path.read_text()
    abstract = path.name == "actor.py" and path.parent.name == "runtime"
    found = {
        banned: why
        for banned, why in BANNED_TEXT.items()
        if banned in text and not (abstract and banned.startswith("NotImpl"))
    }
    assert found == {}


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if (ROOT / "actors" / "domain") in path.parents],
    ids=identify,
)
def test_floats_stay_where_the_market_is_seen(path: Path) -> None:
    if path.parent.name in FLOAT_ROOMS or path.stem in FLOAT_MODULES:
        return
    names = {
        node.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name)
    }
    assert "float" not in names


def test_every_module_is_imported_by_another() -> None:
    """A module that only tests import is dead, save the entrances."""
    entrances = {
        "actors.domain.strategies.base",
        "control.cli",
        "control.console.build_hook",  # hatchling's
        "control.console.wiretypes",  # a contributor's
    }
    entrances |= {place.partition(":")[0] for place in COMMANDS.values()}
    by_name = {f"actors.domain.strategies.{name}" for name in SHIPPED}
    imported = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module)
                imported |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in SOURCES
        if path.name != "__init__.py"
    }
    assert modules - imported - entrances - by_name == set()


def test_no_machine_path_or_registry_is_named() -> None:
    texts = [*SOURCES, *TESTS, ROOT / "README.md", ROOT / "CHANGELOG.md"]
    pattern = re.compile(r"/(work|root|home)/[a-z]|pypi\.org|registry\.npmjs")
    named = [identify(path) for path in texts if pattern.search(path.read_text())]
    assert [name for name in named if name != "tests/test_tidy.py"] == []
