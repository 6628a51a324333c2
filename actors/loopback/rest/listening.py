"""The listen keys of the user data streams."""

from typing import Any

from actors.loopback.accounts.refusals import Refused
from actors.loopback.rest.request import Asked, Route, Table
from actors.loopback.streams.users import Users


def routes(users: Users) -> Table:
    """Make the endpoints of both venues' listen keys."""

    def opened(asked: Asked) -> Any:
        return {"listenKey": users.open_key(asked.venue)}

    def kept(asked: Asked) -> Any:
        name = asked.maybe("listenKey")
        if not users.keep_key(asked.venue, name):
            raise Refused(-1125, "This listenKey does not exist.")
        return {"listenKey": name} if name else {}

    def closed(asked: Asked) -> Any:
        users.close_key(asked.venue, asked.maybe("listenKey"))
        return {}

    acts = {"POST": opened, "PUT": kept, "DELETE": closed}
    return {
        (method, path): Route(act=act, key=True, kind="account")
        for path in ("/fapi/v1/listenKey", "/api/v3/userDataStream")
        for method, act in acts.items()
    }
