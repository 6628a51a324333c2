"""Sixteen things that hold of the money, whatever happens; `table` lists them."""

from tests.invariants import disk, evidence, protection, steps, sums
from tests.invariants.table import TEXTS, Broken, check

__all__ = [
    "TEXTS",
    "Broken",
    "check",
    "disk",
    "evidence",
    "protection",
    "steps",
    "sums",
]
