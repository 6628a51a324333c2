"""The route table: everything that can be asked of the engine, and who may ask it."""

from pathlib import Path

import msgspec
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from actors.domain.messages import Role
from actors.domain.views import EngineView
from actors.runtime.clock import Clock
from control.answers import Answers, Endpoint
from control.auth import Tokens
from control.commands import Commander
from control.door import Door
from control.gate import Gate, GateSettings
from control.hub import Hub
from control.orders_in import CommandRoutes
from control.page import page_routes
from control.queries import Queries
from control.reads import open_read, read
from control.stream import Stream
