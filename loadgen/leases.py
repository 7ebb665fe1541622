"""Keeping leases alive: sessions that outlast their lease are renewed in time."""

from __future__ import annotations

import asyncio

from loadgen.client import Client
from loadgen.sessions import Sessions

_RENEWALS_PER_LEASE = 3
_SESSIONS_PER_CALL = 500


async def keep_renewing(client: Client, sessions: Sessions) -> None:
    """Renew all live sessions, three times a lease, until cancelled.

    What gets no answer is made up for by the next round; what the service has ended is taken off.
    """
    await sessions.lease_is_known.wait()
    lease_seconds = sessions.granted_lease_seconds
    while lease_seconds:
        await asyncio.sleep(lease_seconds / _RENEWALS_PER_LEASE)
        session_ids = sessions.with_pending_end()
        for start in range(0, len(session_ids), _SESSIONS_PER_CALL):
            reply = await client.renew(session_ids[start : start + _SESSIONS_PER_CALL], lease_seconds)
            for session_id in (*reply.body.get("expired", ()), *reply.body.get("unknown", ())):
                sessions.found_ended(session_id)
