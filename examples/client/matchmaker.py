"""Matchmaker: two waiting players make a match, and each match is a session until it is over.

pip install ./clients/python    # needs a dispatcher, SLTA_AUTH=false, and fleet tiny of README.md
SLTA_URL=http://127.0.0.1:8080 SLTA_FLEET=tiny python examples/client/matchmaker.py    # one name per line on stdin
"""

import asyncio
import os
import sys

from slta_client import AsyncClient, PlacementError, SessionLostError

URL = os.environ.get("SLTA_URL", "http://127.0.0.1:8080")
FLEET = os.environ.get("SLTA_FLEET", "tiny")
LEASE_SECONDS = 30.0  # renewed every 10 s, which is also how soon a lost server is noticed
MATCH_SECONDS = float(os.environ.get("MATCH_SECONDS", "30"))
PLAYERS = 2


async def main() -> None:
    """Read names until the end of the input, then wait for the last matches."""
    lobby: list[str] = []
    async with AsyncClient(URL, FLEET, lease_seconds=LEASE_SECONDS) as slta, asyncio.TaskGroup() as matches:
        while line := await asyncio.to_thread(sys.stdin.readline):
            lobby.append(line.strip())
            if len(lobby) >= PLAYERS:
                players, lobby[:PLAYERS] = lobby[:PLAYERS], []
                matches.create_task(play(slta, players, lobby))


async def play(slta: AsyncClient, players: list[str], lobby: list[str]) -> None:
    """Place a match, waiting up to a minute for room, and tell its players the address of their server."""
    names = " and ".join(players)
    try:
        async with slta.session(
            wait=60, on_lost=lambda reason: say(f"{names}: their server is gone, {reason}")
        ) as match:
            say(f"{names} play on {match.pool_id} at {match.address}")
            await asyncio.sleep(MATCH_SECONDS)  # in your game: until the server reports the end
        say(f"{names} have played")
    except (PlacementError, SessionLostError) as error:
        lobby.extend(players)
        say(f"{names} wait again: {error}")


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
