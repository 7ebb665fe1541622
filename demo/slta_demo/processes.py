"""Child processes of a demonstration: the service, which owns its Valkey, and the load generator."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from slta import child_process
from slta.cli.error_messages import UserError
from slta.runtime.settings import PREFIX
from slta.store.embedded.data_dir import DataDir, DataDirInUseError
from slta_demo.options import Plan
from slta_loadgen.type_mix import TypeMix

POLL_SECONDS = 0.02
LAST_LINES = 12
VALKEY_SECONDS = 5.0
"""Time for Valkey to save after its service was killed."""


class Service:
    """`slta serve` with its own data folder, without access control, on loopback."""

    def __init__(self, folder: Path, document: str, port: int) -> None:
        """Start the process; it becomes ready in the background."""
        self._log = folder / "service.log"
        self._data = folder / "data"
        file = folder / "fleet.yaml"
        file.write_text(document, encoding="utf-8")  # JSON is YAML
        settings = {
            "AUTH": "false",
            "CONFIG": str(file),
            "DATA_DIR": str(self._data),
            "DOCS": "true",
            "HOST": "127.0.0.1",
            "LOG_FORMAT": "json",
            "PORT": str(port),
        }
        others = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
        environment = others | {PREFIX + name: value for name, value in settings.items()}
        with self._log.open("wb") as output:
            command = [sys.executable, "-m", "slta.cli", "serve"]
            self._process = child_process.start(command, output=output, environment=environment)

    async def ready(self) -> str:
        """Its address, once it listens; UserError if it exits first."""
        while True:
            for event in self._events():
                if event.get("event") == "listening":
                    return str(event["url"])
            if self._process.poll() is not None:
                raise UserError(f"the service exited with status {self._process.returncode}:\n{last_lines(self._log)}")
            await asyncio.sleep(POLL_SECONDS)

    @property
    def ended(self) -> bool:
        """Whether the process has exited."""
        return self._process.poll() is not None

    async def end(self) -> None:
        """Terminate it, and wait for it and its Valkey; after a kill Valkey exits by itself."""
        await end(self._process)
        with suppress(DataDirInUseError):
            await asyncio.to_thread(lambda: DataDir(self._data, VALKEY_SECONDS).release())

    def last_words(self) -> str:
        """End of its log."""
        return last_lines(self._log)

    def _events(self) -> list[Mapping[str, Any]]:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


class LoadGenerator:
    """`slta loadgen` as a process of its own, so that drawing does not delay requests; and its output."""

    def __init__(self, plan: Plan, url: str, folder: Path, *, endless: bool = False) -> None:
        """Start the process."""
        self._errors = folder / "loadgen.log"
        with self._errors.open("wb") as errors:
            command = [sys.executable, "-m", "slta.cli", "loadgen", *load_options(plan, url, endless=endless)]
            self._process = child_process.start(command, output=subprocess.PIPE, errors=errors)

    async def lines(self) -> AsyncIterator[Mapping[str, Any]]:
        """Its output lines until it exits; UserError if there is no result."""
        reader = asyncio.StreamReader(limit=1 << 20)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, self._process.stdout)
        line: Mapping[str, Any] = {}
        try:
            async for text in reader:
                line = json.loads(text)
                yield line
        finally:
            transport.close()
        if line.get("kind") != "result":
            raise UserError(f"the load generator exited early:\n{last_lines(self._errors)}")

    def ask_to_end(self) -> None:
        """End the arrivals; the result follows."""
        child_process.ask_to_end(self._process)

    async def end(self) -> None:
        """Terminate it without a result; it has nothing to save."""
        if self._process.poll() is None:
            self._process.kill()
        await end(self._process)


def load_options(plan: Plan, url: str, *, endless: bool = False) -> list[str]:
    """Arguments of `slta loadgen` for the plan. A trace plays to its end, a profile to its duration if not endless."""
    course = plan.course
    options = {"--url": url, "--fleet": plan.fleet, "--warm-up": course.warm_up_seconds, "--progress": "json"}
    if plan.trace:
        command = ["replay", str(plan.trace)]
        options |= {"--speed": plan.speed}
    else:
        command = ["run"]
        options |= {"--profile": course.text, "--mean-holding": course.mean_holding_seconds, "--seed": plan.seed}
        if plan.mix:
            options |= mix_options(plan.mix)
        command.append("--endless" if endless else f"--duration={course.duration_seconds - course.warm_up_seconds}")
    return [*command, *(f"{name}={value}" for name, value in options.items())]


def mix_options(mix: TypeMix) -> dict[str, str]:
    """Arguments of `slta loadgen` for a mix."""
    shares = {"--session-types": ",".join(f"{name}={share:.9f}" for name, share in mix.shares)}
    swing = {"--swing-types": f"{mix.amplitude:.9f}@{mix.period_seconds:.9f}"} if mix.period_seconds else {}
    return shares | swing


def last_lines(log: Path) -> str:
    """End of a log, with the reason of a failure."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:])


async def end(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM and wait."""
    child_process.ask_to_end(process)
    await asyncio.to_thread(process.wait)
