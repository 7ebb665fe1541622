"""Reader of a changed key file, a child process: the text of 8,000 keys takes seconds of Python, with any loader.

It writes `KeyFile` lines of a few keys each, or the reason why the file cannot be used as a JSON text.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from slta.auth.keys import Access, AccessError, KeyEntry, KeyFile, read_keys
from slta.child_process import end, start_module
from slta.parsing.file_watch import stamp_of

KEYS_PER_LINE = 32
"""Some 0.3 ms of the event loop, which others have between two lines."""
PATIENCE_SECONDS = 60.0
"""Timeout, on a busy machine too."""


async def reload_if_changed(access: Access) -> bool:
    """Reload the key file if it has changed; return whether it had. AccessError, keeping the old keys.

    If the process fails, which says nothing about the file, the next call reads it again.
    """
    stamp = stamp_of(access.path)
    if access.path is None or stamp == access.stamp:
        return False
    keys, changed = dict[str, KeyEntry](), list[str]()
    for line in await _lines(access.path):
        if line.startswith(b'"'):
            access.stamp = stamp
            raise AccessError(json.loads(line))
        entries = KeyFile.model_validate_json(line).keys
        keys.update((key.id, key) for key in entries)
        changed += [key.id for key in entries if access.has_changed(key)]
        await asyncio.sleep(0)
    access.replace(keys, stamp, changed)
    return True


async def _lines(path: Path) -> list[bytes]:
    """What the process writes. AccessError if it fails."""
    try:
        process = await start_module(__name__, str(path))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                written, _ = await process.communicate()
        finally:
            await end(process)
    except (OSError, TimeoutError) as error:
        raise AccessError(f"{path}: its reader failed: {error!r}") from error
    if process.returncode:
        raise AccessError(f"{path}: its reader ended: {process.returncode}")
    return written.splitlines()


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
