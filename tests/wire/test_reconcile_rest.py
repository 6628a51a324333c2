"""A difference over REST: shown, previewed, and settled by who may."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from trio.testing import MockClock

from actors.domain.messages import Role
from actors.domain.orders import Side
from control.app import build_app
from tests.planes import Answer, Plane
from tests.sim.test_settle import foreign, venue_of, world
from tests.sim.world import B, Stage, living

COMMAND = "/api/engine/command"


class StagePlane(Plane):
    """The control plane of an engine that trades in a scripted world."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        house = msgspec.structs.replace(self.house, engine=stage.view)
        self.app = build_app(house, self.hub)

    async def differences(self) -> list[dict[str, Any]]:
        answer = await self.get("/api/reconcile", Role.VIEWER)
        assert answer.status == 200
        found: list[dict[str, Any]] = answer.json["items"]
        return found

    async def order(self, name: str, role: Role = Role.OPERATOR, **args: Any) -> Answer:
        return await self.post(COMMAND, {"command": name, "args": args}, role)


@asynccontextmanager
async def differing(where: Path) -> AsyncIterator[tuple[Stage, StagePlane]]:
    """Somebody has bought 2 of B by hand; it was seen twice."""
    async with living(world(), where) as stage:
        await stage.bar(6)
        await venue_of(stage).intrude(foreign(B, Side.LONG, "2"))
        await stage.bar(12)
        yield stage, StagePlane(stage)


async def test_a_difference_is_previewed_and_settled_with_the_id_that_was_shown(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with differing(tmp_path) as (stage, plane):
        (row,) = await plane.differences()
        assert (row["symbol"], row["ours"], row["theirs"]) == (B, "0", "2")
        told = await plane.order("reconcile")
        assert told.status == 200
        first, *acts = told.json["message"].splitlines()
        assert first.startswith(f"{row['id']} position of {B}: ours 0, the exchange's")
        assert acts == [f"  {name}: {act}" for name, act in row["would"].items()]
        args = {"symbol": B, "policy": "protect", "id": row["id"], "stop": 97.5}
        done = await plane.order("settle", **args, confirm=B)
        assert done.status == 200, done
        await stage.bar(16)
        assert await plane.differences() == []
        (held,) = (await plane.get("/api/positions")).json["items"][:1]
        assert stage.state.book.ours(B) == 2
        assert held["stopConfirmed"] is True
        again = await plane.order("settle", **args, confirm=B)
        assert again.status == 400


async def test_settling_needs_the_symbol_typed_again_and_a_known_policy(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with differing(tmp_path) as (stage, plane):
        (row,) = await plane.differences()
        good = {"symbol": B, "policy": "adopt", "confirm": B, "id": row["id"]}
        for wrong, said in (
            ({"confirm": "yes"}, B),
            ({"policy": "forget"}, "adopt"),
            ({"id": "d-0"}, row["id"]),
            ({"stop": "high"}, "stop"),
            ({"more": 1}, "more"),
        ):
            answer = await plane.order("settle", **good | wrong)
            assert answer.status == 400, wrong
            assert said in answer.json["message"]
        assert B not in stage.state.book.positions
        assert [r["id"] for r in await plane.differences()] == [row["id"]]


async def test_a_viewer_sees_a_difference_and_may_not_settle_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with differing(tmp_path) as (stage, plane):
        (row,) = await plane.differences()
        args = {"symbol": B, "policy": "adopt", "confirm": B, "id": row["id"]}
        for name, given in (("reconcile", {}), ("settle", args)):
            answer = await plane.order(name, Role.VIEWER, **given)
            assert answer.status == 403
        assert B not in stage.state.book.positions


async def test_what_the_exchange_does_not_answer_is_said_and_is_no_200(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with differing(tmp_path) as (stage, plane):
        stage.venue.fetch_faults = 1
        answer = await plane.order("reconcile")
        assert answer.status == 400
        assert "positions" in answer.json["message"]
