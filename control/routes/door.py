"""The way in: sessions and tickets of browsers, and the tokens of everybody."""

from starlette.responses import Response

from config.errors import SecretError
from control import wire
from control.door.auth import Principal
from control.door.sessions import SESSION_SECONDS, SOCKET_SECONDS
from control.errors import Refused
from control.routes.bodies import NewToken, SignIn
from control.routes.route import Call, House
from control.wire.answers import (
    Items,
    SocketTicket,
    TokenMade,
    TokenRow,
    Who,
)

DAY_MS = 86_400_000


async def enter(house: House, call: Call) -> Response:
    """Exchange a token or a link's ticket for a session cookie."""
    gate = house.gate
    gate.from_own_page(call.request)
    match call.body:
        case SignIn(token=str(token), ticket=None):
            found = gate.tokens.principal(token.encode("utf-8", "surrogatepass"))
        case SignIn(token=None, ticket=str(ticket)):
            found = gate.sessions.enter(ticket)
        case _:
            raise Refused(400, "sign-in: give either `token` or `ticket`")
    principal = gate.proven(call.request, found)
    response = house.answers.json(Who(principal.id, principal.role))
    response.set_cookie(
        gate.cookie,
        gate.sessions.begin(principal),
        max_age=int(SESSION_SECONDS),
        secure=gate.settings.secure,
        httponly=True,
        samesite="strict",
    )
    await house.audit(principal.signature, "sign in", "", "session", "done")
    return response


async def who(_: House, call: Call) -> Who:
    """Tell a client who it is."""
    principal = _signed_in(call)
    return Who(principal.id, principal.role)


async def leave(house: House, call: Call) -> Response:
    """End the session."""
    principal = _signed_in(call)
    house.gate.sessions.end(principal)
    response = house.answers.json(Who(None, None))
    response.delete_cookie(
        house.gate.cookie,
        secure=house.gate.settings.secure,
        httponly=True,
        samesite="strict",
    )
    if principal.session is not None:
        await house.record(call, "sign out", "session", "", "done")
    return response


async def ticket(house: House, call: Call) -> SocketTicket:
    """Make the one-use ticket that opens one WebSocket of this session."""
    principal = _signed_in(call)
    if principal.session is None:
        msg = "tickets are for browsers; send the token with the handshake instead"
        raise Refused(400, msg)
    made = house.gate.sessions.socket_ticket(principal)
    return SocketTicket(made, SOCKET_SECONDS)


async def tokens(house: House, _: Call) -> Items[TokenRow]:
    """Every token, without its secret: role, made, expires, last used."""
    kept = house.gate.tokens
    rows = (
        TokenRow(
            record.id,
            record.role,
            record.created_ms,
            record.expires_ms,
            kept.last_used_ms(record.id),
        )
        for record in kept.records()
    )
    return Items(tuple(rows))


async def make_token(house: House, call: Call) -> TokenMade:
    """Make a token; its secret is shown in this answer and nowhere again."""
    asked: NewToken = call.body
    now_ms = house.answers.now_ms()
    expires_ms = None if asked.days is None else now_ms + asked.days * DAY_MS
    try:
        secret = await house.keys.create(asked.id, asked.role, expires_ms)
    except SecretError as error:
        raise Refused(409, str(error)) from error
    until = "no end" if expires_ms is None else wire.iso(expires_ms)
    after = f"{asked.role} until {until}"
    await house.record(call, f"token create {asked.id}", "none", after, "done")
    return TokenMade(asked.id, asked.role, secret, expires_ms)


async def revoke_token(house: House, call: Call) -> wire.Reply:
    """Revoke a token and every session of it, at once; never the last admin's."""
    wanted = call.path["id"]
    if wanted not in {record.id for record in house.gate.tokens.records()}:
        raise Refused(404, f"token {wanted!r} is unknown; see /api/tokens")
    try:
        role = await house.keys.withdraw(wanted)
    except SecretError as error:
        raise Refused(409, str(error)) from error
    await house.record(call, f"token revoke {wanted}", str(role), "none", "done")
    message = f"token {wanted} opens nothing any more"
    return wire.Reply(True, message, wire.iso(house.answers.now_ms()))


def _signed_in(call: Call) -> Principal:
    assert call.principal is not None, "the table gives these routes a role"
    return call.principal
