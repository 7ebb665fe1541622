"""Relay between agents and slta: a process before a loopback port, which prints its own. SIGSTOP cuts it."""

from __future__ import annotations

import asyncio
import sys

from testbed.relay import Relay


async def main() -> None:
    """Relay until the input ends."""
    relay = Relay(int(sys.argv[1]))
    await relay.listen()
    print(relay.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await relay.stop()


if __name__ == "__main__":
    asyncio.run(main())
