"""Reader of a changed key file, a child process: the text of 8,000 keys takes seconds of Python, with any loader.

It writes `KeyFile` lines of a few keys each, or the reason why the file cannot be used as a JSON text.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path

from slta.auth.keys import Access, AccessError, KeyEntry, KeyFile, read_keys
from slta.child_process import start_module
from slta.parsing.file_watch import stamp_of

KEYS_PER_LINE = 32
"""Some 0.3 ms of the event loop, which others have between two lines."""
MAX_LINE = 2**28
PATIENCE_SECONDS = 60.0
"""Timeout of the next line, on a busy machine too."""


class NotReadError(AccessError):
    """The process ended or timed out, which says nothing about the file."""


async def reload_if_changed(access: Access) -> bool:
    """Reload the key file if it has changed; return whether it had. AccessError, keeping the old keys."""
    stamp = stamp_of(access.path)
    if access.path is None or stamp == access.stamp:
        return False
    keys, changed = dict[str, KeyEntry](), list[str]()
    try:
        async with aclosing(_slices(access.path)) as slices:
            async for entries in slices:
                keys.update((key.id, key) for key in entries)
                changed += [key.id for key in entries if access.has_changed(key)]
    except NotReadError:  # the next round tries again
        raise
    except AccessError:
        access.stamp = stamp
        raise
    access.replace(keys, stamp, changed)
    return True


async def _slices(path: Path) -> AsyncGenerator[list[KeyEntry]]:
    """The keys of a file, a few at a time. AccessError if it cannot be used, NotReadError if nobody can tell."""
    try:
        process = await start_module(__name__, str(path), limit=MAX_LINE)
        try:
            while line := await _next_line(process):
                if line.startswith(b'"'):
                    raise AccessError(json.loads(line))
                yield KeyFile.model_validate_json(line).keys
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    except (OSError, TimeoutError, ValueError) as error:
        raise NotReadError(f"{path}: its reader failed: {error!r}") from error


async def _next_line(process: asyncio.subprocess.Process) -> bytes:
    """The next line that the process writes, b"" once it has ended by itself. OSError if otherwise, TimeoutError."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.sleep(0)  # others run between two lines
        line = await process.stdout.readline()
        if not line and await process.wait():
            raise OSError(f"the process ended: {process.returncode}")
    return line


def main() -> None:
    """Write the keys of the file that the argument names."""
    try:
        keys = [*read_keys(Path(sys.argv[1])).values()]
    except AccessError as error:
        sys.stdout.write(json.dumps(str(error)) + "\n")
        return
    for at in range(0, len(keys), KEYS_PER_LINE):
        sys.stdout.write(KeyFile(keys=keys[at : at + KEYS_PER_LINE]).model_dump_json() + "\n")


if __name__ == "__main__":
    main()
