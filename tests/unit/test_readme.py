"""The documents are true: their diagrams and examples come from the source."""

import re
from pathlib import Path

import pytest

from actors.domain import phases

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCUMENTS = (README, *sorted((ROOT / "docs").glob("*.md")))
MACHINES = sorted(name for name in vars(phases) if name.endswith("_MACHINE"))


def block(document: Path, marker: str) -> str:
    """The fenced block that follows a marker comment."""
    pattern = rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)\n```"
    found = re.search(pattern, document.read_text(), re.DOTALL)
    assert found is not None, f"{document.name} has no block after <!-- {marker} -->"
    return found[1]


@pytest.mark.parametrize("name", MACHINES)
def test_diagram_is_the_table(name: str) -> None:
    drawn = block(ROOT / "docs" / "machines.md", f"machine: {name}")
    assert drawn == phases.mermaid(getattr(phases, name))


def test_the_example_strategy_is_the_tested_one() -> None:
    name = "tests/strategies/inside_bar.py"
    assert block(README, f"file: {name}") == (ROOT / name).read_text().rstrip()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_linked_file_exists(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert links
    assert [link for link in links if not (document.parent / link).exists()] == []
