"""A certificate for localhost, made on the spot."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest


def certificates(path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context, and that of a client who trusts it."""
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with openssl")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        " -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost"
        " -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(command.split(), cwd=path, check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path / "cert.pem", path / "key.pem")
    return server, ssl.create_default_context(cafile=str(path / "cert.pem"))
