"""Runner of a demonstration: starts the processes, prints the figures, and stops everything."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import typer

from slta.cli.error_messages import UserError
from slta.cli.streams import deliver, text_beside
from slta_demo.figures import Figures, report
from slta_demo.fixed_weights import FixedWeights
from slta_demo.mix import mean_sessions
from slta_demo.options import Options, Plan, plan
from slta_demo.output import Lines, closing_table
from slta_demo.processes import LoadGenerator, Service
from slta_loadgen.client import Client, ServiceError

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_SECONDS = 1.0
RESULT_SECONDS = 10.0
"""Time for an interrupted load generator to complete its sessions and report."""


def show(options: Options) -> None:
    """Run a demonstration to its end or an interrupt, which is no error; raises UserError."""
    the_plan = plan(options)
    asyncio.run(Demonstration(the_plan, options).run())


class Demonstration:
    """State of a demonstration, and what must be stopped."""

    def __init__(self, the_plan: Plan, options: Options) -> None:
        """Starts nothing yet."""
        self._plan = the_plan
        self._options = options
        self._ending = asyncio.Event()
        self._impatient = asyncio.Event()
        sessions = mean_sessions(the_plan.spec, the_plan.mix, the_plan.course.mean_load * sum(the_plan.pools))
        weights = FixedWeights(the_plan.spec, the_plan.pools, sessions)
        self._figures = Figures(the_plan, weights)

    async def run(self) -> None:
        """Run from start to end, cleaning up in all cases."""
        loop = asyncio.get_running_loop()
        for number in ENDING_SIGNALS:
            loop.add_signal_handler(number, self._interrupt)
        with tempfile.TemporaryDirectory(prefix="slta-demo-") as folder:
            async with AsyncExitStack() as started:
                with text_beside(self._options.json):
                    service = await self._play(Path(folder), started)
                self._sum_up()
                if self._options.keep and service and not self._ending.is_set():
                    with text_beside(self._options.json):
                        await self._keep(service, Path(folder))

    def _sum_up(self) -> None:
        figures = report(self._figures)
        text = closing_table(self._figures, figures, interrupted=self._ending.is_set())
        deliver(f"\n{text}", figures, self._options.json)

    async def _keep(self, service: Service, folder: Path) -> None:
        """Keep the service under its load until the end; UserError if either exits by itself."""
        url = await service.ready()
        typer.echo(f"\nThe service stays up, under its load: {url}. Ctrl-C, or kill {os.getpid()}, ends it.")
        loading = asyncio.create_task(self._load_again(url, folder))
        while not (self._ending.is_set() or service.ended or loading.done()):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), LOOK_SECONDS)
        loading.cancel()
        [failure] = await asyncio.gather(loading, return_exceptions=True)
        if service.ended:
            raise UserError(f"the service exited unexpectedly:\n{service.last_words()}")
        if isinstance(failure, UserError):
            raise failure

    async def _load_again(self, url: str, folder: Path) -> None:
        """The load without an end; a trace is played again and again."""
        while True:
            load = LoadGenerator(self._plan, url, folder, endless=True)
            try:
                async for _ in load.lines():
                    pass
            finally:
                await load.end()

    def _interrupt(self) -> None:
        if self._ending.is_set():
            self._impatient.set()
        self._ending.set()

    async def _play(self, folder: Path, started: AsyncExitStack) -> Service | None:
        """Run the demonstration; return its service, None if interrupted before it listens."""
        typer.echo("Starting the service with its embedded Valkey …")
        service = Service(folder, self._plan.document, self._options.port)
        started.push_async_callback(service.end)
        url = await self._address(service)
        if url is None:
            return None
        typer.echo(f"live page {url}\nmetrics {url}/metrics\nAPI {url}/docs\nCtrl-C ends it\n")
        load = LoadGenerator(self._plan, url, folder)
        started.push_async_callback(load.end)
        client = await started.enter_async_context(Client(url, self._plan.fleet, connections=4))
        await self._follow(service, load, client)
        return service

    async def _address(self, service: Service) -> str | None:
        """Address of the service; None if interrupted before it listens."""
        ready = asyncio.create_task(service.ready())
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait([ready, ending], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not self._ending.is_set():
            return await ready
        ready.cancel()
        return None

    async def _follow(self, service: Service, load: LoadGenerator, client: Client) -> None:
        """Show the figures until the load generator reports, or takes too long after an interrupt."""
        hearing = asyncio.create_task(self._hear(load))
        looking = asyncio.create_task(self._look(service, client))
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait([hearing, looking, ending], return_when=asyncio.FIRST_COMPLETED)
            if service.ended:
                raise UserError(f"the service exited unexpectedly:\n{service.last_words()}")
            if looking.done():
                await looking
            if not self._ending.is_set():
                return await hearing
            looking.cancel()
            load.ask_to_end()
            impatient = asyncio.create_task(self._impatient.wait())
            await asyncio.wait([hearing, impatient], timeout=RESULT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            impatient.cancel()
        finally:
            for task in (hearing, looking, ending):
                task.cancel()
            await asyncio.gather(hearing, looking, ending, return_exceptions=True)

    async def _hear(self, load: LoadGenerator) -> None:
        async for line in load.lines():
            self._figures.hear(line)

    async def _look(self, service: Service, client: Client) -> None:
        lines = Lines()
        while not service.ended:
            with suppress(ServiceError):
                window = self._figures.window
                averages = await client.averages(since=window) if window else None
                self._figures.see(await client.state(), averages)
            lines.show(self._figures)
            await asyncio.sleep(LOOK_SECONDS)
