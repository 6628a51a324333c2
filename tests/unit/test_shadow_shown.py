"""What the door tells of a shadow, and of there being none."""

from tests.planes import Plane


async def test_divergence_is_told_and_without_a_shadow_why_there_is_none() -> None:
    plane = Plane()
    told = (await plane.get("/api/performance/divergence")).json
    assert told["reason"] == ""
    (row,) = told["divergence"]["orders"]
    assert (row["slippageBps"], row["real"]["price"], row["fee"]) == (
        10.0,
        100.1,
        0.025,
    )
    assert told["divergence"]["totals"]["paperFillRate"] == 0.5
    plane.engine.shadow = None
    told = (await plane.get("/api/performance/divergence")).json
    assert told == {"divergence": None, "reason": "no shadow: paper mode"}
