"""An engine that serves TLS from files: https links, wss, and cookies to match."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
import trio

from tests.wire.engine_process import (
    TOKEN,
    Answer,
    EngineProcess,
    breakout,
    exchanged,
    parsed,
    running,
)

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="makes its certificate with openssl"
)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    name = ["-subj", "/CN=localhost", "-days", "2"]
    name += ["-addext", "subjectAltName=DNS:localhost"]
    command = [*words.split(), *name, "-out", cert, "-keyout", key]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


async def call(
    engine: EngineProcess, cert: str, method: str, path: str, body: str, **headers: str
) -> Answer:
    context = ssl.create_default_context(cafile=cert)
    given = {"Host": f"localhost:{engine.port}", "Connection": "close"}
    if body:
        given |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items())]
    asked = "\r\n".join(lines).encode() + b"\r\n\r\n" + body.encode()
    plain = await engine.connect()
    stream = trio.SSLStream(
        plain, context, server_hostname="localhost", https_compatible=True
    )
    async with stream:
        return parsed(await exchanged(stream, asked))


async def test_tls_from_files_serves_https_and_wss(
    tmp_path: Path, files: tuple[str, str]
) -> None:
    cert, key = files
    words = ("--symbols", "4", "--tls-cert", cert, "--tls-key", key)
    names = {"BREAKOUT_CONTROL_HOSTS": "localhost"}
    with running(tmp_path, *words, **names) as engine:
        origin = f"https://localhost:{engine.port}"
        assert f"sign in: {origin}/#ticket=" in engine.output
        ticket = engine.output.partition("#ticket=")[2].split()[0]
        page = {"Origin": origin, "X_Breakout": "1"}
        body = f'{{"ticket": "{ticket}"}}'
        entered = await call(engine, cert, "POST", "/api/session", body, **page)
        assert entered.status == 200
        cookie = entered.headers["set-cookie"]
        assert cookie.startswith("__Host-breakout=")
        assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
        assert "max-age" in entered.headers["strict-transport-security"]
        clear = {**page, "Origin": origin.replace("https", "http")}
        refused = await call(engine, cert, "POST", "/api/session", body, **clear)
        assert refused.status == 403
        told = await trio.to_thread.run_sync(
            lambda: breakout(
                *("ctl", "status", "--json", "--url", origin), SSL_CERT_FILE=cert
            )
        )
        assert told.returncode == 0, told.stderr
        assert '"state"' in told.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "0.0.0.0"), "--insecure-public"),
        (("--tls-cert", "cert.pem"), "tls_key"),
        (("--tls-cert", "no.pem", "--tls-key", "no.pem"), "two PEM files"),
    ],
)
def test_what_would_not_be_safe_is_refused_with_its_remedy(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    asked = ("run", "--symbols", "4", "--data-dir", str(tmp_path), "--port", "8999")
    done = breakout(*asked, *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_an_empty_secret_is_refused(tmp_path: Path) -> None:
    asked = ("run", "--symbols", "4", "--data-dir", str(tmp_path), "--port", "8999")
    done = breakout(*asked, BREAKOUT_TOKEN="")
    assert done.returncode == 2
    assert "16" in done.stderr
    assert TOKEN not in done.stderr
