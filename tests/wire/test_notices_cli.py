"""`breakout notices test` and `doctor` as people run them."""

import json
import subprocess
import sys
from pathlib import Path

import trio

from tests.wire.engine_process import BREAKOUT, CHECKOUT, breakout, environment
from tests.wire.listeners import OK, REFUSED, listening

HIDDEN = "canary-of-the-tests"
Done = subprocess.CompletedProcess[str]


async def tried(folder: Path, *words: str, urls: str, schemes: str = "json") -> Done:
    kept = folder / "urls"
    kept.write_text(urls)
    kept.chmod(0o600)

    def run() -> Done:
        return breakout(
            "notices",
            "test",
            *words,
            BREAKOUT_NOTICES_URLS_FILE=str(kept),
            BREAKOUT_NOTICES_SCHEMES=schemes,
        )

    done = await trio.to_thread.run_sync(run)
    assert HIDDEN not in done.stdout + done.stderr
    return done


async def test_a_test_goes_through_every_channel(tmp_path: Path) -> None:
    async with listening(OK) as good, listening(REFUSED) as refusing:
        both = (
            f"good=json://127.0.0.1:{good.port}/{HIDDEN}\n"
            f"refusing=json://127.0.0.1:{refusing.port}/{HIDDEN}\n"
        )
        done = await tried(tmp_path, "--json", urls=both)
        assert done.returncode == 1
        assert json.loads(done.stdout) == {"good": "sent", "refusing": "not taken"}
        done = await tried(tmp_path, urls=both.splitlines()[0])
    assert done.returncode == 0, done.stderr
    assert json.loads(good.heard[0].body)["message"].endswith("no engine is in trouble")


async def test_a_scheme_that_is_not_allowed_is_refused(tmp_path: Path) -> None:
    done = await tried(tmp_path, urls=f"phone=tgram://{HIDDEN}/1")
    assert done.returncode == 2
    assert "notice url 'phone' has the scheme 'tgram'" in done.stderr


async def test_an_engine_with_such_a_channel_does_not_start(tmp_path: Path) -> None:
    done = await trio.to_thread.run_sync(
        lambda: breakout(
            *("run", "--port", "0", "--data-dir", str(tmp_path), "--symbols", "1"),
            BREAKOUT_NOTICES_URLS=f"phone=tgram://{HIDDEN}/1",
            BREAKOUT_NOTICES_SCHEMES="json",
        )
    )
    assert done.returncode == 2
    assert "refused: notice url 'phone' has the scheme 'tgram'" in done.stderr
    assert HIDDEN not in done.stdout + done.stderr


def test_the_doctor_finds_that_asserts_are_off(tmp_path: Path) -> None:
    words = ("-O", *BREAKOUT[1:], "doctor", "--json", "--data-dir", str(tmp_path))
    done = subprocess.run(
        [sys.executable, *words],
        env=environment(),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    found = {row["name"]: row for row in json.loads(done.stdout)}
    assert found["asserts"]["state"] == "bad"
    assert "without python -O" in found["asserts"]["remedy"]
