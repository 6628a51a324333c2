"""The adapter does what stock ccxt does, on a sample of exchanges.

`python -m tests.differential --all` asks every class that ccxt ships.
"""

import pytest

from tests.differential import sample
from tests.differential.__main__ import every
from tests.differential.compare import compare

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ENDPOINTS = 10


def test_requests_values_and_errors_are_those_of_stock() -> None:
    result = compare("rest", sample.REST, ENDPOINTS)
    assert result.differences == []
    assert result.counts["calls"] > 2_000
    assert result.counts["requests_sent"] > 1_500
    assert result.counts["raced"] < result.counts["calls"] / 50


def test_frames_values_and_errors_are_those_of_stock() -> None:
    result = compare("stream", sample.STREAM, ENDPOINTS)
    assert result.differences == []
    assert result.counts["calls"] > 500
    assert result.counts["frames_sent"] > 500


def test_the_sample_is_of_classes_that_ccxt_ships() -> None:
    assert set(sample.REST) <= set(every("rest"))
    assert set(sample.STREAM) <= set(every("stream"))
    assert len(sample.REST) == len(sample.STREAM) == 20
