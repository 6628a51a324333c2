"""schemathesis speaks to a running engine by the engine's own OpenAPI document.

What it tries is made from the document: examples, every boundary, random and wrong
input. A 500, a status that is not listed, a body that is not as described, or wrong
input that is taken fails. A refusal of legal input does not: what is allowed depends
on the engine's state. Who may ask at all is `unit/test_route_matrix.py`'s matter.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wire.engine_process import TOKEN, EngineProcess, running

CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance"),
    *("unsupported_method", "negative_data_rejection", "use_after_free"),
)
ROOM = {
    "BREAKOUT_CONTROL_PER_ADDRESS_MAX": "500",
    "BREAKOUT_CONTROL_CONNECTIONS_MAX": "500",
}


def speak(engine: EngineProcess, folder: Path, *words: str) -> str:
    """Let schemathesis try; returns what it said, and fails with that."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", "--no-color"),
            f"{engine.url}/openapi.json",
            *("--header", f"Authorization: Bearer {TOKEN}"),
            *("--checks", ",".join(CHECKS)),
            *("--seed", "1", "--continue-on-failure", "--no-shrink"),
            *("--suppress-health-check", "all", "--generation-database", "none"),
            *words,
        ],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    return done.stdout


async def test_what_is_read_is_as_the_document_says(tmp_path: Path) -> None:
    with running(tmp_path, "--market", "demo", "--symbols", "5", **ROOM) as engine:
        row = (await engine.get("/api/symbols"))["items"][0]
        known = f"[parameters]\n'path.symbol' = '{row['symbol']}'\n"
        config = tmp_path / "schemathesis.toml"
        config.write_text(f"{known}'path.name' = 'breakout_v1'\n")
        words = ("--include-method", "GET", "--phases", "examples,fuzzing")
        said = speak(engine, tmp_path, *words, "--max-examples", "2")
        assert "/api/charts" not in said, "known symbols are answered"
        await engine.trades_on()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_input_finds_a_500_or_a_breach_of_the_document(
    tmp_path: Path,
) -> None:
    with running(tmp_path, "--market", "demo", "--symbols", "20", **ROOM) as engine:
        words = ("--phases", "examples,coverage,fuzzing", "--max-examples", "6")
        speak(engine, tmp_path, *words)
        assert (await engine.get("/api/engine/status"))["state"]
        assert "incident" not in engine.output
