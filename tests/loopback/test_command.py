"""`breakout exchange-sim`, as a person starts and ends it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from actors.loopback.rest.counter import ROUTES
from actors.loopback.streams.hub import PARTIAL, PLAIN

CHECKOUT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "control.cli", "exchange-sim"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(CHECKOUT), "COLUMNS": "200"}


@contextmanager
def running(*words: str) -> "Iterator[tuple[subprocess.Popen[str], int]]":
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *words],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        cwd=CHECKOUT,
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        yield process, int(first.split("://")[1].split()[0].rpartition(":")[2])
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(60)
        process.stdout.close()


def ask(port: int, path: str) -> Any:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    told = json.loads(connection.getresponse().read())
    connection.close()
    return told


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_it_opens_says_where_and_ends_when_it_is_told(ended_by: signal.Signals) -> None:
    words = ("--symbols", "3", "--faults", "slow_answers:ms=1:on=place")
    with running(*words) as (process, port):
        symbols = ask(port, "/fapi/v1/exchangeInfo")["symbols"]
        assert [row["symbol"] for row in symbols] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
        assert "slow_answers" in ask(port, "/sim/faults")["on"]
        process.send_signal(ended_by)
        assert process.wait(60) == 0
        assert process.stdout is not None
        assert "loopback-key" in process.stdout.read()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--host", "0.0.0.0"), "toy money"),
        (("--faults", "nonsense"), "no fault 'nonsense'"),
        (("--market", "nowhere"), "is no market"),
        (("--speed", "-1"), "speed -1"),
        (("--wallet", "much"), "wallet"),
        (("--start", "soon"), "start"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(
    words: tuple[str, ...], told: str
) -> None:
    done = subprocess.run(
        [*COMMAND, "--port", "0", *words],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=CHECKOUT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("refused: ")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_it_prints_its_fault_menu() -> None:
    done = subprocess.run(
        [*COMMAND, "--fault-menu"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=CHECKOUT,
        timeout=60,
        check=True,
    )
    assert "answer_lost" in done.stdout


def test_the_document_names_every_endpoint_and_the_menu_is_where_it_says() -> None:
    text = (CHECKOUT / "docs" / "loopback.md").read_text()
    names = {path.split("/", 3)[3].removeprefix("ticker/") for _, path in ROUTES}
    assert {name for name in names if name not in text} == set()
    channels = {name.rstrip("0125") for name in PLAIN | PARTIAL}
    assert {name for name in channels if name not in text} == set()
