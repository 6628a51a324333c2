"""Every probe at the wire leaves the engine trading and the server answering."""

import pytest
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from tests.wire.probes import PROBES, Probe
from tests.wire.world import PATIENCE_SECONDS, application, open_world

DEADLY = [probe for probe in PROBES if probe.kills_unguarded]


@pytest.mark.parametrize("probe", PROBES, ids=str)
async def test_probe_is_answered_and_leaves_the_engine_trading(probe: Probe) -> None:
    async with open_world() as world:
        client = await world.connect()
        async with client:
            with trio.fail_after(PATIENCE_SECONDS):
                answer = await probe.play(client)
        assert probe.answer in answer, answer
        await world.survives()
        assert world.serving.statistics().crashed.keys() == probe.crashes
        assert set(world.faults) == probe.crashes


@pytest.mark.parametrize("probe", DEADLY, ids=str)
async def test_probe_ends_hypercorn_without_the_guard(probe: Probe) -> None:
    """What the pin and the guard are for; a release that passes needs less of both."""
    config = Config()
    config.errorlog = None

    async def attend(stream: trio.SocketStream) -> None:
        app = ASGIWrapper(application([]))
        context = WorkerContext(None)
        await TCPServer(app, config, context, ConnectionState({}), stream).run()

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    client = await trio.open_tcp_stream(*listeners[0].socket.getsockname())
    with pytest.RaisesGroup(Exception, flatten_subgroups=True, allow_unwrapped=True):
        with trio.fail_after(PATIENCE_SECONDS):
            async with client, trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, attend, listeners)
                await probe.play(client)
                await trio.sleep_forever()
