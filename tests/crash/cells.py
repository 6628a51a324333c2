"""What the harness does: one cell of the table, one random run, one survey."""

import time
from random import Random

import msgspec

from actors.domain.crash_points import CrashPoint
from actors.domain.phases import Phase
from actors.journal import Kind
from actors.risk.orders.records import AccountChange, KillChanged
from tests.crash.engine import Life, Seen
from tests.crash.life import DOWN_BARS, Ended, Ground, ground, read_journal
from tests.crash.oracle import Case, Found, judge
from tests.crash.scenarios import BARS, PRELUDE, SCENARIOS, Scenario, world_of

RANDOM_KILLS_PER_RUN = 5
RANDOM_SECONDS_MAX = 0.3  # from the fork on; trading begins after a fifth of it
RANDOM_PASSING_MAX = 6
#: What a person may order in a life of a random run; most lives see none.
RANDOM_ORDERS = ("pause", "resume", "panic_exit", "kill_switch")
RANDOM_SPEED = 60 / 0.003  # a bar each 3 ms, so that a kill may fall anywhere in it
#: Whoever learns of these has learnt of the kill switch.
KILL_SEEN = {
    CrashPoint.SENT,
    CrashPoint.STOP_SENT,
    CrashPoint.CANCEL_SENT,
    CrashPoint.ANSWERED,
    CrashPoint.KILL_CANCELLED,
    CrashPoint.KILL_FLATTENING,
}


class Cell(msgspec.Struct, frozen=True, tag="cell", kw_only=True):
    """Die at the `passing`-th passing of a point within a phase; then cope."""

    phase: str
    point: CrashPoint
    changed: bool = False
    passing: int = 1
    mutant: str = ""

    @property
    def name(self) -> str:
        state = "changed" if self.changed else "same"
        deeper = f"-{self.passing}" if self.passing > 1 else ""
        return f"{self.phase}-{self.point}-{state}{deeper}"


class RandomRun(msgspec.Struct, frozen=True, tag="random", kw_only=True):
    """Several kills one after another, each after a random time."""

    seed: int
    kills: int = RANDOM_KILLS_PER_RUN

    @property
    def name(self) -> str:
        return f"random-{self.seed}"


class Survey(msgspec.Struct, frozen=True, tag="survey", kw_only=True):
    """Count what is passed in a phase's window, without dying."""

    phase: str
    changed: bool = False


Task = Cell | RandomRun | Survey


class Result(msgspec.Struct, kw_only=True):
    """What came of a task."""

    landed: int = 0  # kills that fell where they should
    phase: str = ""  # the engine's own, at the kill
    found: list[Found] = []
    passed: dict[str, int] = {}
    seconds: float = 0.0
    log: str = ""  # how it went, and what the engines printed last


def run(task: Task) -> Result:
    began = time.perf_counter()
    match task:
        case Cell():
            result = _cell(task)
        case RandomRun():
            result = _random(task)
        case Survey():
            result = _survey(task)
    result.seconds = time.perf_counter() - began
    return result


class History(msgspec.Struct):
    """What the lives before the last one left to be remembered."""

    kill_wanted: bool = False
    seen: list[Seen] = []
    acked: set[str] = set()

    def add(self, place: Ground, died: Ended) -> None:
        self.seen += died.seen
        self.acked |= died.acked
        self.kill_wanted |= _kill_known(place, died)


def _cell(cell: Cell) -> Result:
    scenario = SCENARIOS[cell.phase]
    # Both ways out are met over the table: a stop for one point, a target for the next.
    path = "target" if list(CrashPoint).index(cell.point) % 2 else "stop"
    with ground(scenario) as place:
        past = History()
        moved = path if cell.changed else None
        number = _prelude(place, scenario, moved, past)
        life = Life(
            number=number,
            point=cell.point,
            passing=cell.passing,
            opens=scenario.opens,
            commands=scenario.commands,
            mutant=cell.mutant,
        )
        died = place.live(life)
        if not died.landed:
            return Result(found=_fell(died), log=died.log, passed=died.passed)
        past.add(place, died)
        if cell.changed:
            place.control.ask("down", DOWN_BARS, path)
        result = _judged(place, scenario, number + 1, past, cell.mutant)
    result.landed, result.phase = 1, died.phase
    return result


def _prelude(place: Ground, scenario: Scenario, path: str | None, past: History) -> int:
    """Kill an engine its entry just filled, where the phase wants it."""
    if not scenario.prelude:
        return 1
    point, opens = PRELUDE
    died = place.live(Life(number=1, point=point, opens=opens))
    assert died.landed, f"the prelude did not die: {died.log}"
    past.add(place, died)
    if path is not None:
        place.control.ask("down", DOWN_BARS, path)
    return 2


def _survey(survey: Survey) -> Result:
    scenario = SCENARIOS[survey.phase]
    with ground(scenario) as place:
        path = "stop" if survey.changed else None
        number = _prelude(place, scenario, path, History())
        life = Life(
            number=number,
            opens=scenario.opens,
            commands=scenario.commands,
            survey=True,
        )
        ended = place.live(life)
    return Result(passed=ended.passed, log=ended.log)


def _random(run_of: RandomRun) -> Result:
    random = Random(run_of.seed)
    scenario = SCENARIOS[random.choice(sorted(SCENARIOS))]
    landed, past, lived = 0, History(), []
    with ground(scenario) as place:
        for number in range(1, run_of.kills + 1):
            commands = scenario.commands if number == 1 else {}
            # Half of the kills fall by the clock alone, half deep into some point.
            point = random.choice([None, random.choice(list(CrashPoint))])
            life = Life(
                number=number,
                point=point,
                passing=random.randint(1, RANDOM_PASSING_MAX),
                opens=random.choice([None, 0]),
                commands=commands,
                orders=_ordered(random),
                rest_bars=BARS,
                speed=RANDOM_SPEED,
            )
            seconds = random.uniform(0.0, RANDOM_SECONDS_MAX)
            ended = place.live(life, seconds)
            landed += ended.killed
            past.add(place, ended)
            lived.append(f"{life.told} for {seconds:.3f} s: {ended.told}")
            if random.random() < 0.5:
                path = random.choice(["stop", "target"])
                bars = random.randint(1, DOWN_BARS)
                place.control.ask("down", bars, path)
                lived.append(f"{bars} bars without an engine, to the {path}")
        result = _judged(place, scenario, run_of.kills + 1, past)
    result.landed, result.phase = landed, scenario.name
    result.log = "\n".join([*lived, result.log])
    return result


def _ordered(random: Random) -> dict[int, str]:
    """Now and then a person orders something in the first bars of a life."""
    if random.random() < 0.7:
        return {}
    return {random.randint(0, 20): random.choice(RANDOM_ORDERS)}


def _kill_known(place: Ground, died: Ended) -> bool:
    """Whether a kill switch was confirmed, acted upon, or is on the disk."""
    at_work = died.phase == Phase.EMERGENCY and died.landed in KILL_SEEN
    if at_work or any(one.endswith("kill_switch") for one in died.acked):
        return True
    return any(
        isinstance(fact := row.decode(AccountChange), KillChanged) and fact.kill
        for row in read_journal(place.journal)
        if row.kind is Kind.ACCOUNT
    )


def _judged(
    place: Ground, scenario: Scenario, number: int, past: History, mutant: str = ""
) -> Result:
    """Let a last engine come to rest, and judge what there is then."""
    last = place.live(Life(number=number, opens=0, mutant=mutant))
    world = world_of(scenario)
    case = Case(
        rows=read_journal(place.journal),
        truth=place.control.truth(),
        report=last.report,
        preset=world.preset,
        equity=world.equity,
        instruments={one.symbol: one for one in world.describe().instruments},
        kill_wanted=past.kill_wanted,
        seen=past.seen + last.seen,
        acked=past.acked,
    )
    found = judge(case)
    return Result(found=found, log=last.log)


def _fell(ended: Ended) -> list[Found]:
    """A point that was not passed is no violation; an engine that fell is one."""
    if ended.status == 0:
        return []
    return [Found("the engine fell", f"status {ended.status}")]
