"""Commands and URLs of the configuration: bounded in time and output, with nothing left running."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

import aiohttp

from slta.cli.target import KEY_VARIABLE
from slta_integrations.agent.config import Source
from slta_integrations.agent.probe_output import MAX_BYTES
from slta_integrations.agent.probing import Probe, Probed

POOL_VARIABLE = "AGENT_POOL_ID"
"""Tells a command which pool it is asked about."""
CHUNK_BYTES = 65_536
REAP_SECONDS = 5.0
"""Longest wait for a killed command: a child of it in a session of its own may hold its output open."""


class _TooLongError(Exception):
    """Over `MAX_BYTES`."""


async def ask(probe: Probe) -> Probed:
    """Run the command, or GET the URL."""
    try:
        async with asyncio.timeout(probe.source.timeout_seconds):
            return await (_run(probe.pool_id, probe.source) if probe.source.command else _get(probe.source))
    except TimeoutError:
        return Probed(problem=f"took over {probe.source.timeout_seconds:g} s")
    except _TooLongError:
        return Probed(problem=f"wrote over {MAX_BYTES:,} bytes")
    except Exception as error:  # noqa: BLE001 - whatever happens to one probe must not end the others
        return Probed(problem=str(error) or type(error).__name__)


async def _run(pool_id: str, source: Source) -> Probed:
    """Standard output of the command. Its process group is killed in any case, when this returns or is cancelled."""
    environment = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    process = await asyncio.create_subprocess_exec(
        *source.command or (),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        env=environment | {POOL_VARIABLE: pool_id},
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        output = await _bounded(process.stdout)
        code = await process.wait()
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(REAP_SECONDS):
                await _reap(process, process.stdout)
    return Probed(output) if code == 0 else Probed(problem=f"exit code {code}")


async def _reap(process: asyncio.subprocess.Process, output: asyncio.StreamReader) -> None:
    """Wait for a killed process. Its output is read to the end first: asyncio waits for that of a pipe, too."""
    while await output.read(CHUNK_BYTES):
        pass
    await process.wait()


async def _get(source: Source) -> Probed:
    async with aiohttp.ClientSession() as http, http.get(source.url or "", allow_redirects=False) as response:
        output = await _bounded(response.content)
    return Probed(output) if 200 <= response.status < 300 else Probed(problem=f"HTTP status {response.status}")


async def _bounded(stream: asyncio.StreamReader | aiohttp.StreamReader) -> bytes:
    """All that the stream has. Raises _TooLongError."""
    output = bytearray()
    while chunk := await stream.read(CHUNK_BYTES):
        output += chunk
        if len(output) > MAX_BYTES:
            raise _TooLongError
    return bytes(output)
