"""Recorded sessions of exchanges' streams, beside the checkout."""

import io
import json
import lzma
import subprocess
import zipfile
from collections.abc import Iterator
from typing import Any

from tests.recorded import ROOT

SESSIONS = ROOT / "wire" / "cryptofeed"
RAW = ROOT / "books" / "raw"


def lines(exchange: str) -> Iterator[dict[str, Any]]:
    """Each line of a session, the header first."""
    path = SESSIONS / f"{exchange}.jsonl.zst"
    command = ["zstd", "-dc", str(path)]
    text = subprocess.run(command, check=True, capture_output=True).stdout
    for line in io.BytesIO(text):
        yield json.loads(line)


def session(exchange: str) -> Iterator[tuple[str, str, str]]:
    """Each line as (kind, where, text): what was received, and what REST answered."""
    for row in lines(exchange):
        if row["t"] in {"recv", "http", "send"} and "data" in row:
            yield row["t"], row.get("url") or row["conn"], row["data"]


def raw_stream(name: str) -> Iterator[bytes]:
    """The messages of one raw Binance log, exactly as received."""
    with lzma.open(RAW / name) as lines:
        for line in lines:
            yield line.partition(b" ")[2].rstrip(b"\n")


def zipped(name: str) -> Iterator[bytes]:
    """The lines of the one file in an archive."""
    with zipfile.ZipFile(RAW / name) as archive:
        yield from archive.read(archive.namelist()[0]).splitlines()
