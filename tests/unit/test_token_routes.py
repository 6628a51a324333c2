"""Tokens over REST: an admin makes and revokes them, and each act is audited."""

import msgspec
import pytest

from actors.domain.errors import JournalError
from actors.domain.messages import Role
from tests.planes import ORIGIN, SECRETS, Plane

PATH = "/api/tokens"
PHONE = {"id": "phone", "role": "viewer", "days": 2}
OWN = {"origin": ORIGIN, "x_breakout": "1"}


async def status_of(plane: Plane, secret: str) -> int:
    headers = {"authorization": f"Bearer {secret}"}
    answer = await plane.call("GET", "/api/engine/status", headers=headers)
    return answer.status


async def test_a_token_is_shown_once_opens_and_is_revoked() -> None:
    plane = Plane()
    made = (await plane.post(PATH, PHONE)).json
    assert (made["id"], made["role"]) == ("phone", "viewer")
    assert made["expiresMs"] == plane.clock.now_ms() + 2 * 86_400_000
    secret = made["token"]
    assert await status_of(plane, secret) == 200
    listed = (await plane.get(PATH)).body.decode()
    assert secret not in listed
    row = next(r for r in msgspec.json.decode(listed)["items"] if r["id"] == "phone")
    assert row["lastUsedMs"] == plane.clock.now_ms()
    assert (await plane.call("DELETE", f"{PATH}/phone", role=Role.ADMIN)).status == 200
    assert await status_of(plane, secret) == 401
    acts = [(row.who, row.what, row.before) for row in plane.history.recorded]
    assert acts == [
        ("admin as admin", "token create phone", "none"),
        ("admin as admin", "token revoke phone", "viewer"),
    ]
    assert secret not in str(plane.history.recorded)


async def test_a_token_ends_by_itself() -> None:
    plane = Plane()
    secret = (await plane.post(PATH, PHONE)).json["token"]
    plane.clock.moment_ms += 2 * 86_400_000
    assert await status_of(plane, secret) == 401


async def test_a_session_ends_with_its_token_also_when_the_id_comes_back() -> None:
    plane = Plane()
    secret = (await plane.post(PATH, PHONE)).json["token"]
    answer = await plane.post("/api/session", {"token": secret}, None, **OWN)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    seen = {"cookie": cookie}
    assert (await plane.call("GET", PATH[:4] + "/session", headers=seen)).status == 200
    await plane.call("DELETE", f"{PATH}/phone", role=Role.ADMIN)
    await plane.post(PATH, PHONE)
    assert (await plane.call("GET", "/api/session", headers=seen)).status == 401


async def test_the_last_admin_is_409_and_goes_on_opening() -> None:
    plane = Plane()
    refused = await plane.call("DELETE", f"{PATH}/admin", role=Role.ADMIN)
    assert refused.status == 409
    assert "last admin" in refused.json["message"]
    assert await status_of(plane, SECRETS[Role.ADMIN]) == 200


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"id": "Phone!", "role": "viewer"}, "id"),
        ({"id": "phone", "role": "king"}, "role"),
        ({"id": "phone", "role": "viewer", "days": 0}, "days"),
        ({"id": "phone"}, "role"),
        ({**PHONE, "token": "my own secret"}, "token"),
    ],
)
async def test_a_wrong_token_request_names_the_field(
    body: dict[str, object], word: str
) -> None:
    refused = await Plane().post(PATH, body)
    assert refused.status == 400
    assert word in refused.json["message"]


async def test_a_taken_id_is_409_and_an_unknown_one_404() -> None:
    plane = Plane()
    assert (await plane.post(PATH, {"id": "viewer", "role": "viewer"})).status == 409
    gone = await plane.call("DELETE", f"{PATH}/nobody", role=Role.ADMIN)
    assert gone.status == 404


async def test_signing_in_and_out_is_audited_without_a_secret() -> None:
    plane = Plane()
    body = {"token": SECRETS[Role.OPERATOR]}
    answer = await plane.post("/api/session", body, None, **OWN)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    await plane.call("DELETE", "/api/session", headers={"cookie": cookie, **OWN})
    assert [(row.who, row.what) for row in plane.history.recorded] == [
        ("operator as operator", "sign in"),
        ("operator as operator", "sign out"),
    ]
    assert SECRETS[Role.OPERATOR] not in str(plane.history.recorded)
    assert cookie.partition("=")[2] not in str(plane.history.recorded)


async def test_what_is_done_is_told_also_when_the_journal_cannot_say_so() -> None:
    """A secret that was made and never shown, or a closed door, would be worse."""
    plane = Plane()
    plane.history.fault = JournalError("the disk is full")
    made = await plane.post(PATH, PHONE)
    assert made.status == 200
    assert await status_of(plane, made.json["token"]) == 200
    body = {"token": SECRETS[Role.OPERATOR]}
    assert (await plane.post("/api/session", body, None, **OWN)).status == 200
    failed = await plane.get("/api/performance/trades")
    assert failed.status == 500
    assert b"disk" not in failed.body
