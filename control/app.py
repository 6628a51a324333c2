"""The application: the route table served, the stream, the documents and the page.

`build_app` makes it; `control.door.fence.fenced` goes round it.
"""

from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute

from control.commands import Commander
from control.console import console_routes
from control.documents.docs import document_routes
from control.door.spare import SpareFence
from control.endpoints import Endpoints
from control.live.hub import Hub
from control.live.stream import Stream
from control.metrics import CONTENT_TYPE, metrics_pieces
from control.routes.route import House
from control.routes.table import ROUTES


def build_app(house: House, hub: Hub) -> Starlette:
    """Lay out every route. The caller runs `hub.run` and owns what is in the house."""
    commander = Commander(house.engine, house.gate, house.answers.now_ms)
    ends = Endpoints(house, commander)
    stream = Stream(hub, house.engine, house.gate, commander, house.answers)
    return Starlette(
        routes=[
            *ends.served(ROUTES),
            ends.open("/health/live", house.engine.live),
            ends.open("/health/ready", house.engine.ready),
            ends.scrape(
                "/metrics", partial(metrics_pieces, house.engine, hub), CONTENT_TYPE
            ),
            WebSocketRoute("/ws", stream.endpoint),
            *(ends.paced(route) for route in (*document_routes(), *console_routes())),
        ],
        middleware=[Middleware(SpareFence, gate=house.gate)],
        exception_handlers={HTTPException: house.answers.missing},
    )
