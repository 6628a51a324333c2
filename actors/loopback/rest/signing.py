"""Whether a request is signed by a known key, over exactly what was sent, just now."""

import hashlib
import hmac

from actors.loopback.accounts.refusals import Refused, illegal, missing
from actors.loopback.exchange import Exchange
from actors.loopback.rest.request import Request, Route
from actors.loopback.settings import Key

WINDOW_MS, WINDOW_MAX_MS = 5_000, 60_000
AHEAD_MS = 1_000


def authorised(exchange: Exchange, request: Request, route: Route) -> Key | None:
    """Give the key of a request that may do this. Raises Refused."""
    if not route.key:
        return None
    key = known_key(exchange, request.headers.get("x-mbx-apikey", ""))
    if route.signed:
        fields = request.fields
        signed = _unsigned(request.query) + _unsigned(request.body)
        check_signature(key, signed, fields.get("signature", ""))
        check_time(exchange, fields)
    if route.trades and not key.trade:
        raise _no_permission()
    return key


def known_key(exchange: Exchange, name: str) -> Key:
    """Find a key. Raises Refused."""
    if not name:
        raise Refused(-2014, "API-key format invalid.", 401)
    for key in exchange.settings.keys:
        if hmac.compare_digest(key.key, name):
            return key
    raise _no_permission()


def check_signature(key: Key, signed: str, signature: str) -> None:
    """Refuse what this key has not signed."""
    if not signature:
        raise missing(name="signature")
    digest = hmac.new(key.secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(digest, signature.lower()):
        raise Refused(-1022, "Signature for this request is not valid.")


def check_time(exchange: Exchange, fields: dict[str, str]) -> None:
    """Refuse what was signed too long ago or in the future, by the exchange's clock."""
    if not fields.get("timestamp"):
        raise missing(name="timestamp")
    try:
        signed_ms = int(fields["timestamp"])
        window_ms = int(fields.get("recvWindow") or WINDOW_MS)
    except ValueError as error:
        raise illegal(name="timestamp") from error
    if not 0 < window_ms <= WINDOW_MAX_MS:
        raise Refused(-1131, "recvWindow must be less than 60000.")
    stretch = exchange.clock.stretch
    if stretch is None:
        return
    now_ms = told_ms(exchange)
    if signed_ms >= now_ms + AHEAD_MS * stretch:
        told = "Timestamp for this request was 1000ms ahead of the server's time."
        raise Refused(-1021, told)
    if now_ms - signed_ms > window_ms * stretch:
        raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")


def told_ms(exchange: Exchange) -> int:
    """Tell the time as the exchange believes it to be, which a fault may have moved."""
    skew = exchange.menu.active("clock_skew")
    return exchange.clock.now_ms() + (skew.ms if skew is not None else 0)


def _unsigned(text: str) -> str:
    """Leave the signature out of a query or a form, whatever its place."""
    parts = text.split("&")
    return "&".join(part for part in parts if not part.startswith("signature="))


def _no_permission() -> Refused:
    told = "Invalid API-key, IP, or permissions for action."
    return Refused(-2015, told, 401)
