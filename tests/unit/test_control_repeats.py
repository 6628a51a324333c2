"""Idempotency keys: a repeated request never acts twice."""

import pytest
import trio

from actors.domain.messages import CommandAnswer, Role
from control.errors import Refused
from control.repeats import ANSWERS_KEPT_MAX, Repeats
from tests.planes import Plane

PATH = "/api/engine/kill-switch"
KEY = {"idempotency_key": "once"}


def answer(serial: int = 1) -> CommandAnswer:
    return CommandAnswer(f"m-{serial}", True, 200, "done", 0)


async def test_the_same_key_gives_the_first_answer_without_acting_again() -> None:
    plane = Plane()
    first = await plane.post(PATH, {"reason": "a"}, **KEY)
    plane.clock.moment_ms += 5_000
    again = await plane.post(PATH, {"reason": "a"}, **KEY)
    assert (again.body, again.headers) == (first.body, first.headers)
    assert len(plane.engine.performed) == 1


async def test_the_same_key_with_another_body_or_command_is_400() -> None:
    plane = Plane()
    await plane.post(PATH, {"reason": "a"}, **KEY)
    assert (await plane.post(PATH, {"reason": "b"}, **KEY)).status == 400
    assert (await plane.post("/api/engine/panic-exit", None, **KEY)).status == 400
    assert len(plane.engine.performed) == 1


async def test_keys_of_two_principals_do_not_meet() -> None:
    plane = Plane()
    await plane.post(PATH, {"reason": "a"}, Role.ADMIN, **KEY)
    await plane.post(PATH, {"reason": "b"}, Role.OPERATOR, **KEY)
    assert len(plane.engine.performed) == 2


async def test_a_refused_form_leaves_its_key_free() -> None:
    plane = Plane()
    assert (await plane.post(PATH, {"x": 1}, **KEY)).status == 400
    assert (await plane.post(PATH, {"reason": "a"}, **KEY)).status == 200


@pytest.mark.parametrize("key", ["", "k" * 129])
async def test_a_key_has_1_to_128_characters(key: str) -> None:
    answered = await Plane().post(PATH, {"reason": "a"}, idempotency_key=key)
    assert answered.status == 400


@pytest.mark.usefixtures("autojump_clock")
async def test_two_requests_at_once_act_once() -> None:
    plane = Plane()
    plane.engine.delay_seconds = 1.0
    codes: list[int] = []

    async def ask() -> None:
        codes.append((await plane.post(PATH, {"reason": "a"}, **KEY)).status)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        nursery.start_soon(ask)
    assert codes == [200, 200]
    assert len(plane.engine.performed) == 1


async def test_an_interrupted_first_try_is_unknown_and_never_repeated() -> None:
    repeats = Repeats()

    async def never() -> CommandAnswer:
        await trio.sleep_forever()
        return answer()

    async def act() -> CommandAnswer:
        return answer()

    with trio.move_on_after(0):
        await repeats.once(("admin", "k"), b"", never)
    with pytest.raises(Refused, match="unknown") as caught:
        await repeats.once(("admin", "k"), b"", act)
    assert caught.value.status == 503


async def test_a_halt_that_nobody_took_may_be_ordered_again_with_its_key() -> None:
    plane = Plane()
    plane.engine.busy = True
    assert (await plane.post(PATH, {"reason": "a"}, **KEY)).status == 503
    plane.engine.busy = False
    assert (await plane.post(PATH, {"reason": "a"}, **KEY)).status == 200
    assert (await plane.post(PATH, {"reason": "a"}, **KEY)).status == 200
    assert len(plane.engine.performed) == 1


async def test_what_may_have_acted_asks_for_a_new_key() -> None:
    plane = Plane()
    plane.engine.busy = True
    path, body = "/api/engine/start", {"preset": "breakout_v1"}
    await plane.post(path, body, **KEY)
    plane.engine.busy = False
    again = await plane.post(path, body, **KEY)
    assert again.status == 503
    assert "then use a new key" in again.json["message"]
    assert plane.engine.performed == []


async def test_the_table_of_answers_is_bounded() -> None:
    repeats = Repeats()
    acted = 0

    async def act() -> CommandAnswer:
        nonlocal acted
        acted += 1
        return answer(acted)

    for serial in range(ANSWERS_KEPT_MAX + 1):
        await repeats.once(("admin", str(serial)), b"", act)
    await repeats.once(("admin", str(ANSWERS_KEPT_MAX)), b"", act)
    assert acted == ANSWERS_KEPT_MAX + 1
    await repeats.once(("admin", "0"), b"", act)
    assert acted == ANSWERS_KEPT_MAX + 2
