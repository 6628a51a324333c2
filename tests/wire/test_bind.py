"""Where the server may listen, and what it speaks there under TLS."""

import shutil
import ssl
import subprocess
from pathlib import Path

import msgspec
import pytest
import trio
from starlette.responses import PlainTextResponse

from control.door.guard import neighbourhood
from control.door.protocol import configuration
from control.door.server import Serving, serve
from control.errors import CannotServe, ControlError, UnsafeBind
from tests.wire.world import (
    LIMITS,
    PATIENCE_SECONDS,
    get,
    handshake,
    open_world,
    read_until,
)

APP = PlainTextResponse("served")

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="makes its certificate with openssl"
)


async def start(
    host: str,
    port: int = 0,
    tls: tuple[str, str] | None = None,
    *,
    public_ok: bool = False,
) -> tuple[str, int]:
    """Return the address that was bound; the server has ended again."""

    async def run(
        task_status: trio.TaskStatus[Serving] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        await serve(
            APP,
            host=host,
            port=port,
            tls=tls,
            public_ok=public_ok,
            on_fault=lambda _fault, _peer: None,
            task_status=task_status,
        )

    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            serving = await nursery.start(run)
            await serving.close()
    return serving.addresses[0]


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.1", "engine.example", "", "localhost.example"]
)
async def test_public_address_without_tls_is_refused(host: str) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(UnsafeBind, match="give control.tls")):
        await start(host)


async def test_public_address_is_served_when_it_is_meant() -> None:
    host, port = await start("0.0.0.0", public_ok=True)
    assert (host, port > 0) == ("0.0.0.0", True)


async def test_loopback_is_served() -> None:
    assert (await start("127.0.0.1"))[0] == "127.0.0.1"


async def test_taken_port_is_named() -> None:
    async with open_world() as world:
        port = world.serving.port
        with pytest.RaisesGroup(
            pytest.RaisesExc(CannotServe, match=f"127.0.0.1:{port}")
        ):
            await start("127.0.0.1", port)


async def test_missing_certificate_is_named() -> None:
    missing = ("no/such/cert.pem", "no/such/key.pem")
    with pytest.RaisesGroup(pytest.RaisesExc(ControlError, match=r"no/such/cert\.pem")):
        await start("127.0.0.1", tls=missing)


@pytest.mark.parametrize(
    ("host", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_one_guest_is_one_ipv4_address_or_one_ipv6_network(
    host: str, counted_as: str
) -> None:
    assert neighbourhood(host) == counted_as


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    room: Path = tmp_path_factory.mktemp("tls")
    files = (str(room / "cert.pem"), str(room / "key.pem"))
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    )
    name = ["-subj", "/CN=localhost", "-days", "2"]
    name += ["-addext", "subjectAltName=DNS:localhost"]
    out = ["-out", files[0], "-keyout", files[1]]
    subprocess.run([*command.split(), *name, *out], check=True, capture_output=True)
    return files


@needs_openssl
async def test_tls_speaks_http_1_and_a_plain_peer_is_turned_away(
    certificate: tuple[str, str],
) -> None:
    context = ssl.create_default_context(cafile=certificate[0])
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with open_world(tls=certificate) as world:
        plain = await world.connect()
        await plain.send_all(get("/plain"))
        with trio.fail_after(PATIENCE_SECONDS):
            assert b"HTTP" not in await read_until(plain, b"")
            await plain.aclose()
            client = trio.SSLStream(
                await world.connect(), context, server_hostname="localhost"
            )
            await client.send_all(get("/plain"))
            answer = await client.receive_some()
            assert answer.startswith(b"HTTP/1.1 200")
            assert client.selected_alpn_protocol() == "http/1.1"
            await trio.aclose_forcefully(client)
            await world.serving.emptied()
        assert world.faults == []


@needs_openssl
def test_nothing_older_than_tls_1_2_is_spoken(certificate: tuple[str, str]) -> None:
    context = configuration(LIMITS, certificate).create_ssl_context()
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@needs_openssl
async def test_stuck_console_under_tls_is_dropped(certificate: tuple[str, str]) -> None:
    context = ssl.create_default_context(cafile=certificate[0])
    limits = msgspec.structs.replace(LIMITS, handshake_seconds_max=0.3)
    async with open_world(limits, tls=certificate) as world:
        mute = await world.connect()
        transport = await world.connect(receive_buffer=4_096)
        client = trio.SSLStream(transport, context, server_hostname="localhost")
        with trio.fail_after(PATIENCE_SECONDS):
            await client.send_all(handshake("/flood"))
            await world.serving.emptied()
            assert await read_until(mute, b"") == b""
        await trio.aclose_forcefully(client)
        await mute.aclose()
        assert world.serving.statistics().dropped_stalled == 1
        assert world.faults == []
