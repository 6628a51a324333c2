"""Tokens, sessions, tickets and what a browser may do with them."""

import stat
from pathlib import Path

import pytest

from actors.domain.messages import Role
from config.errors import SecretError
from config.settings import Settings
from control.console import console_routes
from control.door.auth import Tokens, bearer
from control.door.token_file import open_tokens
from control.plane import ControlPlane
from tests.engines import TestClock
from tests.histories import InMemoryHistory
from tests.planes import ORIGIN, SECRETS, Answer, Plane
from tests.well import WellEngine

OWN = {"origin": ORIGIN, "x_breakout": "1"}
STATUS = "/api/engine/status"


def cookie_of(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


async def signed_in(plane: Plane, role: Role = Role.ADMIN) -> str:
    body = {"token": SECRETS[role]}
    answer = await plane.post("/api/session", body, None, **OWN)
    assert answer.status == 200
    return cookie_of(answer)


@pytest.mark.parametrize("secret", ["", "short", "x" * 15])
def test_a_weak_secret_is_refused_with_the_limit_and_without_itself(
    secret: str,
) -> None:
    with pytest.raises(SecretError, match="16") as caught:
        open_tokens({"BREAKOUT_TOKEN": secret}, None)
    assert not secret or secret not in str(caught.value)


def test_the_first_start_makes_a_token_and_keeps_only_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    tokens, made = open_tokens({}, path)
    assert made is not None
    assert made.encode() not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again, second = open_tokens({}, path)
    assert second is None
    for opened in (tokens, again):
        principal = opened.principal(made.encode())
        assert principal is not None
        assert principal.role is Role.ADMIN


def test_a_broken_token_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(b"[{]")
    with pytest.raises(SecretError, match=r"tokens\.json"):
        open_tokens({}, path)


def test_the_table_of_tokens_is_bounded() -> None:
    tokens = Tokens()
    for serial in range(64):
        tokens.add(f"a-token-of-the-test-{serial}", Role.VIEWER, f"t{serial}")
    with pytest.raises(SecretError, match="64"):
        tokens.add("a-token-of-the-test-64", Role.VIEWER, "t64")


@pytest.mark.parametrize("header", ["Bearer \xff\xfe\x80", "Bearer ", "Basic eDp5", ""])
async def test_any_bytes_in_the_header_are_401_and_never_500(header: str) -> None:
    answer = await Plane().call("GET", STATUS, headers={"authorization": header})
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_bearer_gives_the_headers_own_bytes_back() -> None:
    secret = "ключ"
    assert bearer("Bearer " + secret.encode().decode("latin-1")) == secret.encode()


async def test_a_revoked_token_and_its_sessions_are_401() -> None:
    plane = Plane()
    cookie = await signed_in(plane)
    plane.tokens.revoke("admin")
    assert (await plane.get(STATUS)).status == 401
    assert (await plane.call("GET", STATUS, headers={"cookie": cookie})).status == 401


async def test_the_sixth_failed_sign_in_in_15_minutes_is_429() -> None:
    moment = [0.0]
    plane = Plane(now=lambda: moment[0])
    wrong = {"authorization": "Bearer a-wrong-token-of-nobody"}
    codes = [(await plane.call("GET", STATUS, headers=wrong)).status for _ in range(7)]
    assert codes == [401] * 5 + [429] * 2
    refused = await plane.call("GET", STATUS, headers=wrong)
    assert refused.headers["retry-after"] == "180"
    assert (await plane.get(STATUS)).status == 200  # a good token is not locked out
    moment[0] += 180.0
    assert (await plane.call("GET", STATUS, headers=wrong)).status == 401


async def test_a_cookie_is_httponly_strict_and_reads() -> None:
    plane = Plane()
    answer = await plane.post("/api/session", {"token": SECRETS[Role.VIEWER]}, **OWN)
    flags = answer.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    read = await plane.call("GET", STATUS, headers={"cookie": cookie_of(answer)})
    assert read.status == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": ORIGIN}, {"x_breakout": "1"}, {**OWN, "origin": "http://evil"}],
)
async def test_a_cookie_alone_never_acts(headers: dict[str, str]) -> None:
    plane = Plane()
    cookie = await signed_in(plane)
    path = "/api/engine/kill-switch"
    refused = await plane.call("POST", path, headers={**headers, "cookie": cookie})
    assert refused.status == 403
    assert plane.engine.performed == []
    done = await plane.call("POST", path, headers={**OWN, "cookie": cookie})
    assert done.status == 200


async def test_a_foreign_page_cannot_sign_a_browser_in() -> None:
    body = {"token": SECRETS[Role.ADMIN]}
    foreign = {"origin": "http://evil", "x_breakout": "1"}
    assert (await Plane().post("/api/session", body, None, **foreign)).status == 403


async def test_a_link_signs_in_once_and_only_for_ten_minutes() -> None:
    moment = [0.0]
    plane = Plane(now=lambda: moment[0])
    body = {"ticket": plane.gate.sessions.link("admin")}
    assert (await plane.post("/api/session", body, None, **OWN)).status == 200
    assert (await plane.post("/api/session", body, None, **OWN)).status == 401
    late = {"ticket": plane.gate.sessions.link("admin")}
    moment[0] += 600.0
    assert (await plane.post("/api/session", late, None, **OWN)).status == 401


async def test_a_socket_ticket_opens_its_own_session_once_within_ten_seconds() -> None:
    moment = [0.0]
    plane = Plane(now=lambda: moment[0])
    cookie = await signed_in(plane)
    secret = cookie.partition("=")[2]
    sessions = plane.gate.sessions

    async def ticket() -> str:
        path = "/api/session/ticket"
        answer = await plane.call("POST", path, headers={**OWN, "cookie": cookie})
        return str(answer.json["ticket"])

    assert sessions.open_socket(await ticket(), None) is None
    other = (await signed_in(plane)).partition("=")[2]
    assert sessions.open_socket(await ticket(), other) is None
    good = await ticket()
    assert sessions.open_socket(good, secret) is not None
    assert sessions.open_socket(good, secret) is None
    late = await ticket()
    moment[0] += 10.0
    assert sessions.open_socket(late, secret) is None


async def test_one_token_s_sign_ins_push_nobody_else_out() -> None:
    plane = Plane()
    admin = {"cookie": await signed_in(plane)}
    cookies = []
    for _ in range(300):
        body = {"token": SECRETS[Role.VIEWER]}
        cookies.append(cookie_of(await plane.post("/api/session", body, **OWN)))
    assert (await plane.call("GET", STATUS, headers=admin)).status == 200
    stand = [
        (await plane.call("GET", STATUS, headers={"cookie": cookie})).status
        for cookie in cookies
    ]
    assert stand == [401] * 284 + [200] * 16


async def test_a_link_is_made_for_an_admin_whose_token_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that has expired may stand before it on file."""
    monkeypatch.setattr(ControlPlane, "address", ORIGIN)
    plane = ControlPlane(WellEngine(TestClock()), InMemoryHistory(), Settings(), None)
    plane.serving = object()  # type: ignore[assignment]
    (made,) = plane.tokens.records()
    plane.tokens.revoke(made.id)
    plane.tokens.add("an-admin-s-old-token", Role.ADMIN, "old", expires_ms=1)
    plane.tokens.add("a-viewer-s-own-token", Role.VIEWER, "viewer")
    assert plane.sign_in_link() is None
    plane.tokens.add("an-admin-s-new-token", Role.ADMIN, "new")
    assert f"{ORIGIN}/#ticket=" in str(plane.sign_in_link())


async def test_signing_out_ends_the_session() -> None:
    plane = Plane()
    cookie = {"cookie": await signed_in(plane)}
    left = await plane.call("DELETE", "/api/session", headers={**OWN, **cookie})
    assert left.status == 200
    assert (await plane.call("GET", STATUS, headers=cookie)).status == 401


@pytest.mark.parametrize(
    "body", [{}, {"token": "a" * 20, "ticket": "b"}, {"password": "x"}, {"token": 1}]
)
async def test_a_malformed_sign_in_is_400(body: dict[str, object]) -> None:
    assert (await Plane().post("/api/session", body, None, **OWN)).status == 400


async def test_no_secret_is_in_any_answer_or_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plane = Plane()
    plane.engine.fault = RuntimeError("a fault")
    seen = b""
    for path in (STATUS, "/api/nothing", "/api/why?limit=x", "/api/engine/start"):
        for method in ("GET", "POST", "PUT"):
            answer = await plane.call(method, path, {"x": 1}, role=Role.ADMIN)
            seen += answer.body + str(answer.headers).encode()
    wrong = {"authorization": "Bearer the-canary-that-sings"}
    seen += (await plane.call("GET", STATUS, headers=wrong)).body
    logged = "".join(capsys.readouterr())
    assert "incident" in logged
    for secret in (*SECRETS.values(), "the-canary-that-sings"):
        assert secret.encode() not in seen
        assert secret not in logged


async def test_the_page_carries_no_inline_script_or_style_and_a_strict_policy() -> None:
    plane = Plane()
    for path in (file.path for file in console_routes() if "{" not in file.path):
        answer = await plane.get(path, None)
        assert answer.status == 200
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    page = (await plane.get("/", None)).body
    assert b"<style" not in page
    assert b" style=" not in page
    assert b"onclick" not in page
