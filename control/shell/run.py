"""`breakout run`: one engine from its settings to its report.

Starts the tree, says where to watch, trades until the market is over or a signal
comes, stops in order and says what it did.
"""

import gc
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import trio

from actors.domain.live import CONFIRMATION, LIVE
from actors.domain.messages import Alert, Command, CommandAnswer, Role
from actors.domain.views import Publisher
from actors.engine import Attach, Engine, open_engine
from actors.journal import refuse_held
from actors.logs import LogFormat, configure_logging
from actors.projections import Projections
from actors.report import Costs, build_report, to_json
from actors.runtime import SupervisorSpec
from actors.setup import EngineSetup
from config.secrets import Secret
from control.console import why_missing
from control.outside import FanOut, Outside
from control.plane import ControlPlane
from control.shell.opened import Opened, opened_market
from control.shell.options import RunOptions
from control.shell.preparing import prepare
from control.shell.progress import show_progress
from control.shell.signals import interruptible, say

if TYPE_CHECKING:
    from control.shell.live_mode import Real

DONE, REFUSED = 0, 3
#: An end waits so long for stops that are on their way.
STOPS_SECONDS_MAX = 10.0


async def run_engine(options: RunOptions) -> int:
    """Run one engine to its end; returns the exit code."""
    gc.disable()  # what is made until it trades stays: `_keep` looks through it once
    try:
        return await _load_and_run(options)
    finally:
        gc.enable()


async def _load_and_run(options: RunOptions) -> int:
    say.print("loading market and strategy (the first time takes half a minute)")
    began_ns = time.perf_counter_ns()
    if options.journal_path is not None:
        refuse_held(options.journal_path)
    wanted = (options.settings, options.symbols, options.data_dir)
    async with (
        opened_market(*wanted, say, options.journal_path) as opened,
        account_of(options, opened) as real,
    ):
        setup, services = prepare(options, opened), opened.services
        if real is not None:
            setup, services = real.trade(setup), (*services, *real.services)
        whole = msgspec.structs.replace(opened, services=services)
        load_seconds = (time.perf_counter_ns() - began_ns) / 1e9
        return await _run(options, whole, setup, load_seconds)


@asynccontextmanager
async def account_of(
    options: RunOptions, opened: Opened
) -> AsyncIterator["Real | None"]:
    """Open the account of live mode for the length of a block; None: it is paper."""
    if options.mode != LIVE:
        yield None
        return
    # ccxt is a quarter of a second and thirty megabytes, which paper does without.
    from control.shell.live_mode import opened_account  # noqa: PLC0415

    memory = options.data_dir and options.data_dir / "shadow.json"
    async with opened_account(options.settings, memory, opened, say) as real:
        yield real


async def _run(
    options: RunOptions, opened: Opened, setup: EngineSetup, load_seconds: float
) -> int:
    configure_logging(
        LogFormat(options.settings.logging.format),
        options.settings.logging.level,
        setup.session,
        secret_types=(Secret,),
    )
    planes: list[ControlPlane] = []
    outside = Outside(options.settings, os.environ)
    async with (
        interruptible() as trading,
        outside.last_word(),
        open_engine(setup, attachment(options, opened, outside, planes)) as engine,
    ):
        costs = Costs(load_seconds)
        await say_where(planes)
        view = Projections(engine)
        code = await _start(view, options) if options.start else DONE
        _keep()
        outside.ready()
        if code == DONE:
            await _trade(engine, options, trading)
            outside.stopping()
            await _stop(engine, view)
            if setup.live is not None:  # a simulated market stands still now
                await stops_stand(view)
        report = await build_report(engine, view, costs)
        if options.report is not None:
            options.report.write_bytes(to_json(report))
        for plane in planes:
            await plane.farewell()
    say_summary(report)
    return code


def attachment(
    options: RunOptions, opened: Opened, outside: Outside, planes: list[ControlPlane]
) -> Attach:
    """Plug in what the engine's facts go to; `planes` gets the control plane."""

    def attach(engine: Engine) -> tuple[Publisher, tuple[SupervisorSpec, ...]]:
        view = Projections(engine)

        def tell(alert: Alert) -> None:
            engine.risk_ref.tell(alert)  # looked up then: there is none yet

        opened.engines.append(engine)
        opened.alarm_to(tell, lambda: engine.running)
        takers, groups = outside.attach(view, tell, engine.clock)
        if options.settings.control.port:
            plane = ControlPlane(
                view, engine.archive, options.settings, options.data_dir
            )
            planes.append(plane)
            takers, groups = (plane.hub, *takers), (*groups, plane.group())
        return FanOut(*takers), (*groups, *opened.services)

    return attach


async def say_where(planes: list[ControlPlane]) -> None:
    """Print where to watch, and the one-use link that signs a person in.

    Raises UnsafeBind or CannotServe: nobody trades unseen who asked to be seen.
    """
    for plane in planes:
        await plane.up()
        if plane.made_token is not None:
            say.print(f"admin token, shown once: {plane.made_token}", style="bold")
        say.print(f"watch:   {plane.address}")
        if (link := plane.sign_in_link()) is not None:
            say.print(f"sign in: {link}  (works once)")
        else:
            say.print("sign in: no admin's token stands; `breakout token create` one")
        if (reason := why_missing()) is not None:
            say.print(f"console: a plain page only, because {reason}")


def _command(name: str, args: dict[str, object]) -> Command:
    return Command(f"run-{name}", name, args, "run", Role.ADMIN)


async def _start(view: Projections, options: RunOptions) -> int:
    answer: CommandAnswer = await view.command(
        _command("start", {"preset": options.preset, "confirm": CONFIRMATION})
    )
    say.print(f"start: {answer.message}")
    return DONE if answer.ok else REFUSED


def _keep() -> None:
    """Spare the collector what lives long: it need not walk it again and again.

    Measured: pauses of 13 ms instead of 105-151 ms with 300,000 containers; and a tenth
    of the time until it trades, in which nothing is collected.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


async def _stop(engine: Engine, view: Projections) -> None:
    """Stop what runs; say what is latched."""
    state = engine.risk_state
    if state.book.kill is not None:
        say.print(f"kill switch {state.book.kill.phase}: {state.book.kill.reason}")
    if engine.risk.commands.forbidden("stop"):
        say.print(f"the engine is {engine.risk.desk.machine.phase}")
        return
    answer = await view.command(_command("stop", {}))
    say.print(f"stop: {answer.message}")


async def stops_stand(view: Projections) -> None:
    """Leave nothing bare that a moment more protects: its stop may be on its way."""
    with trio.move_on_after(STOPS_SECONDS_MAX):
        while view.unprotected().positions:  # noqa: ASYNC110 - it has no event
            await trio.sleep(0.05)
    if bare := view.unprotected().positions:
        say.print(
            f"left without a stop that the exchange shows: {bare} of what is held",
            style="bold red",
        )


async def _trade(
    engine: Engine, options: RunOptions, trading: trio.CancelScope
) -> None:
    """Wait until the market is over (if asked to) or a signal comes."""
    with trading:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(show_progress, engine, say)
            await engine.market_over.wait()
            if not options.exit_at_end:
                say.print("the market is over; the engine stays up until Ctrl-C")
                await trio.sleep_forever()
            nursery.cancel_scope.cancel()


def say_summary(report: dict[str, object]) -> None:
    """Say in a few lines what the run did."""
    say.print(
        f"{report['symbols']} symbols, {report['bars']} bars, "
        f"{report['candidates']} candidates, {report['signals']} signals, "
        f"{report['trades']} trades; equity {report['end_equity']:.2f}"
    )
    say.print(
        f"{report['transitions']} transitions, {report['illegal_transitions']} "
        f"illegal; {report['restarts']} restarts, {report['quarantined']} "
        f"quarantined; {report['bars_per_cpu_s']:.0f} bars per CPU second"
    )
