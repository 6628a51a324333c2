"""The README is true: its diagrams and its example come from the source."""

import re
from pathlib import Path

import pytest

from actors.domain import phases

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
MACHINES = ("GLOBAL_MACHINE", "SYMBOL_MACHINE", "TRADE_MACHINE", "ORDER_MACHINE")


def block(marker: str) -> str:
    """The fenced block that follows a marker comment."""
    pattern = rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)\n```"
    found = re.search(pattern, README.read_text(), re.DOTALL)
    assert found is not None, f"README.md has no block after <!-- {marker} -->"
    return found[1]


@pytest.mark.parametrize("name", MACHINES)
def test_diagram_is_the_table(name: str) -> None:
    assert block(f"machine: {name}") == phases.mermaid(getattr(phases, name))


def test_the_example_strategy_is_the_tested_one() -> None:
    name = "tests/strategies/inside_bar.py"
    assert block(f"file: {name}") == (ROOT / name).read_text().rstrip()


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
