"""HTTP client of the API (docs/api.md). Every response, and every failure to get one, is returned as a value.

The code of a success names its outcome.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from yarl import URL

from slta_client.http import Attempt, Http, Written, pages
from slta_client.replies import INVALID, Reply, failed

# Idle connections are closed before the server does it (ours after 65 s, a plain uvicorn after 5 s), so that requests
# rarely hit a closing connection.
_KEEP_ALIVE_SECONDS = 4.0
NO_HEADERS: Mapping[str, str] = {}


class ServiceError(Exception):
    """A call failed or had no response; `code` is the problem's."""

    def __init__(self, call: str, reply: Reply) -> None:
        super().__init__(f"{call}: {reply.code}: {reply.body.get('detail', 'no response')}")
        self.code = reply.code
        self.status = reply.status


async def fleets_of(url: str, headers: Mapping[str, str]) -> list[str]:
    """Names of the service's fleets that the key may read. Raises ServiceError."""
    async with Client(url, "", headers=headers, connections=1) as client:
        found: list[str] = (await client.call("GET", ""))["fleets"]
    return found


class Client(Http):
    """HTTP client of one fleet, of all for the name "". Use it as `async with Client(url, fleet) as client`.

    `connections` limits the sockets; further requests wait for one, within their timeout.
    """

    def __init__(
        self,
        url: str,
        fleet: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        connections: int = 256,
        timeout_seconds: float = 3.0,
    ) -> None:
        self._fleet_url = URL(url).joinpath("v1", "fleets", *([fleet] if fleet else []))
        self._urls = {name: self._fleet_url / name for name in ("assign", "complete", "renew", "operations")}
        super().__init__(
            headers, connections=connections, keep_alive_seconds=_KEEP_ALIVE_SECONDS, seconds=timeout_seconds
        )

    async def assign(
        self,
        session_id: str,
        lease_seconds: float | None = None,
        written: Written | None = None,
        session_type: str | None = None,
    ) -> Reply:
        """Assign a session. Code `placed`, or `replayed` for an id placed before; the body has `pool_id`."""
        lease = "" if lease_seconds is None else f', "lease_seconds": {lease_seconds}'
        kind = "" if session_type is None else f', "session_type": "{session_type}"'
        body = f'{{"session_id": "{session_id}"{lease}{kind}}}'
        reply = await self.ask("assign", body.encode(), written)
        if not reply.ok:
            return reply
        if "pool_id" not in reply.body:
            return failed(INVALID)
        return Reply(reply.status, "replayed" if reply.body.get("replayed") else "placed", reply.body)

    async def complete(self, session_id: str) -> Reply:
        """Complete a session. Code `completed` or `already_ended`."""
        reply = await self.ask("complete", f'{{"session_id": "{session_id}"}}'.encode())
        return Reply(reply.status, str(reply.body.get("outcome")), reply.body) if reply.ok else reply

    async def renew(self, session_ids: Sequence[str], lease_seconds: float | None = None) -> Reply:
        """Renew leases. The body lists the `renewed`, `expired` and `unknown` ids."""
        body: dict[str, object] = {"session_ids": list(session_ids)}
        if lease_seconds is not None:
            body["lease_seconds"] = lease_seconds
        return await self.send("renew", json.dumps(body).encode())

    async def state(self) -> Mapping[str, Any]:
        return await self.call("GET", "state")

    async def averages(self, *, since: str | None = None, window: int = 60) -> Mapping[str, Any]:
        """Averages since the `integrals` of an earlier response, or over the last 60, 300 or 3600 seconds."""
        query = {"window": str(window)} if since is None else {"since": since}
        return await self.call("GET", "averages", query=query)

    async def pools(self) -> list[Mapping[str, Any]]:
        """All pools, read page by page, with `pool_id`, `pool_class`, `status` and `occupancy`."""
        url = self._fleet_url / "pools"
        read = pages(lambda query: self.request("GET", url.with_query(query)))
        return [pool async for page in read for pool in _body_of(f"GET {url}", page)["pools"]]

    async def put_fleet(self, fleet: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self.call("PUT", "", body=fleet)

    async def call(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        """Call any path below the fleet's URL, such as `POST pools/small-1/drain`. Raises ServiceError."""
        url = (self._fleet_url.joinpath(path) if path else self._fleet_url).with_query(query)
        reply = await self.request(method, url, data=json.dumps(body).encode() if body is not None else None)
        return _body_of(f"{method} {url}", reply)

    async def ask(self, call: str, body: bytes, written: Written | None = None) -> Reply:
        """Send an assign or a complete."""
        return await self.request("POST", self._urls[call], Attempt(written), data=body)

    async def send(self, call: str, body: bytes, written: Written | None = None) -> Reply:
        """Send one request of the hot path, never with others."""
        return await self.request("POST", self._urls[call], Attempt(written), data=body)


def _body_of(call: str, reply: Reply) -> Mapping[str, Any]:
    """The body of a success. Raises ServiceError."""
    if not reply.ok:
        raise ServiceError(call, reply)
    return reply.body
