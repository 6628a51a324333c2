"""What is shipped to run the engine somewhere: unit, image, health check."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import trio

from config.secrets import SECRETS
from config.sources import load_settings
from tests.wire.engine_process import CHECKOUT
from tests.wire.planes import served

DEPLOY = CHECKOUT / "docs" / "deploy"
HEALTHCHECK = DEPLOY / "healthcheck.py"


def lines(name: str) -> list[str]:
    """Every value of a name, those of the optional lines too."""
    text = (DEPLOY / "breakout.service").read_text()
    return re.findall(rf"^#?{name}=(.*)$", text, re.MULTILINE)


def test_the_unit_s_credentials_are_secrets_that_are_looked_for() -> None:
    names = {line.split(":")[0] for line in lines("LoadCredential")}
    assert names == {*SECRETS, "tls_key"}


def test_the_unit_sets_only_settings_that_exist() -> None:
    words = " ".join(lines("Environment")).split()
    given = dict(word.split("=", 1) for word in words)
    # The keys of TLS come with the server that takes them.
    given.pop("BREAKOUT_CONTROL_TLS_KEY")
    assert load_settings(environment=given).logging.format == "json"


def test_systemd_takes_the_unit_and_finds_it_hard(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not here")
    # It looks whether the program is there.
    text = (DEPLOY / "breakout.service").read_text()
    unit = tmp_path / "breakout.service"
    unit.write_text(text.replace("/opt/breakout/bin/breakout", sys.executable))

    def asked(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [analyze, *words, str(unit)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    verified = asked("verify", "--man=no")
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = asked("security", "--offline=true", "--no-pager", "--threshold=20")
    assert judged.returncode == 0, judged.stdout


# --- the image -----------------------------------------------------------------


def test_the_image_runs_as_a_number_and_needs_no_shell() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    last = text[text.rindex("\nFROM ") :]
    assert last.startswith("\nFROM scratch")
    assert re.search(r"^USER 65532:65532$", last, re.MULTILINE)
    assert re.findall(r"^RUN", last, re.MULTILINE) == []
    for word in ("HEALTHCHECK", "ENTRYPOINT", "CMD"):
        assert re.search(rf"{word}[^\[]*\[\"", last), word
    bases = re.findall(r"^ARG PYTHON=(\S+)$", text, re.MULTILINE)
    assert re.fullmatch(r"3\.\d+\.\d+-slim-\w+", bases[0])


def test_what_the_build_needs_is_not_ignored() -> None:
    rules = (CHECKOUT / ".dockerignore").read_text().split()
    kept = [rule[1:] for rule in rules if rule.startswith("!")]
    needed = {
        *("actors", "config", "control", "pyproject.toml", "README.md", "LICENSE"),
        *("docs/deploy/trim.py", "docs/deploy/healthcheck.py"),
    }
    assert {n for n in needed if not any(fnmatch(n, f"{k}*") for k in kept)} == set()
    assert [name for name in kept if not (CHECKOUT / name).exists()] == []


def test_trimming_leaves_the_interpreter_and_no_shell(tmp_path: Path) -> None:
    python = tmp_path / "usr/local/bin/python3"
    shell = tmp_path / "usr/bin/dash"
    pip = tmp_path / "usr/local/lib/python3.12/site-packages/pip"
    for path in (python, shell, tmp_path / "usr/local/bin/pip3", tmp_path / "trim.py"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    pip.mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    runpy.run_path(str(DEPLOY / "trim.py"))["trim"](tmp_path)
    assert python.exists()
    assert (tmp_path / "data").is_dir()
    left = (shell, pip, tmp_path / "bin", tmp_path / "trim.py")
    assert [path for path in left if path.exists() or path.is_symlink()] == []


async def health(port: int) -> int:
    command = [sys.executable, "-I", str(HEALTHCHECK)]
    done = await trio.run_process(
        command,
        env=os.environ | {"BREAKOUT_CONTROL_PORT": str(port)},
        check=False,
        capture_stderr=True,
    )
    return done.returncode


async def test_the_health_check_asks_whether_the_engine_lives() -> None:
    async with served() as plane:
        assert await health(plane.serving.port) == 0
        plane.engine.is_live = False
        assert await health(plane.serving.port) == 1
        port = plane.serving.port
    assert await health(port) == 1
