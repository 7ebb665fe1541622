"""Relay between agents and slta: a process before a loopback port, which prints its own. SIGSTOP cuts it."""

from __future__ import annotations

import asyncio
import sys

from testbed.relay import Relay


async def main() -> None:
    """Relay until the input ends."""
    async with Relay(int(sys.argv[1])) as relay:
        print(relay.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
