"""Commands and URLs of the configuration: bounded in time and output, with nothing left running."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

import aiohttp

from slta.cli.target import KEY_VARIABLE
from slta_integrations.agent.config import Source
from slta_integrations.agent.probe_output import MAX_BYTES, ProbeError

POOL_VARIABLE = "AGENT_POOL_ID"
"""Tells a command which pool it is asked about."""
CHUNK_BYTES = 65_536
REAP_SECONDS = 5.0
"""Longest wait for a killed command: a child of it in a session of its own may hold its output open."""


async def ask(pool_id: str, source: Source) -> bytes:
    """Run the command, or GET the URL; the output. Raises ProbeError, OSError or aiohttp's ClientError."""
    try:
        async with asyncio.timeout(source.timeout_seconds):
            return await (_run(pool_id, source) if source.command else _get(source))
    except TimeoutError:
        raise ProbeError(f"took over {source.timeout_seconds:g} s") from None


async def _run(pool_id: str, source: Source) -> bytes:
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
    if code != 0:
        raise ProbeError(f"exit code {code}")
    return output


async def _reap(process: asyncio.subprocess.Process, output: asyncio.StreamReader) -> None:
    """Wait for a killed process. Its output is read to the end first: asyncio waits for that of a pipe, too."""
    while await output.read(CHUNK_BYTES):
        pass
    await process.wait()


async def _get(source: Source) -> bytes:
    async with aiohttp.ClientSession() as http, http.get(source.url or "", allow_redirects=False) as response:
        if not 200 <= response.status < 300:
            raise ProbeError(f"HTTP status {response.status}")
        return await _bounded(response.content)


async def _bounded(stream: asyncio.StreamReader | aiohttp.StreamReader) -> bytes:
    """All that the stream has. Raises ProbeError."""
    output = bytearray()
    while chunk := await stream.read(CHUNK_BYTES):
        output += chunk
        if len(output) > MAX_BYTES:
            raise ProbeError(f"wrote over {MAX_BYTES:,} bytes")
    return bytes(output)
