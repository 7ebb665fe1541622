"""Commands `slta session`: list, get and end."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from slta_integrations.operator.calls import Operator
from slta_integrations.operator.registry import command

app = typer.Typer(help="Look at sessions, or end one.", no_args_is_help=True, add_completion=False)
SessionId = Annotated[str, typer.Argument(help="Id of the session.", show_default=False)]


@command(app, "list")
async def list_sessions(
    operator: Operator, pool_id: Annotated[str, typer.Argument(metavar="POOL", help="Id of the pool.")]
) -> None:
    """List the sessions on a pool."""
    found = await operator.entries(f"pools/{quote(pool_id, safe='')}/sessions", "session_ids")
    operator.show(found, ("SESSION", ([id_] for id_ in found)))


@command(app)
async def get(operator: Operator, session_id: SessionId) -> None:
    """Show a session's pool, type, age and lease. Exit code 1 for one that is unknown or has ended."""
    found = await operator.call("GET", f"sessions/{quote(session_id, safe='')}")
    members = ("session_id", "pool_id", "pool_class", "session_type", "age_seconds", "lease_seconds_left")
    operator.show(found, ("SESSION POOL CLASS TYPE AGE(S) LEASE(S)", [[found[member] for member in members]]))


@command(app)
async def end(operator: Operator, session_id: SessionId) -> None:
    """End a session. Its id cannot be assigned for a while."""
    found = await operator.call("POST", "complete", {"session_id": session_id})
    operator.show(found, ("SESSION POOL OUTCOME", [(found["session_id"], found["pool_id"], found["outcome"])]))
