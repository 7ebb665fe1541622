"""Calls of an operator's command; a reply that is no success ends it with an exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import unquote

import typer

from slta.cli.error_messages import NO, UserError
from slta.cli.output import Format, Table, text_of
from slta.cli.target import Target
from slta_client.replies import Reply
from slta_integrations.client import Client
from slta_integrations.errors import checked

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


class Operator:
    """Client of one command, and how it shows what it is told."""

    def __init__(self, client: Client, target: Target, output: Format) -> None:
        self._client = client
        self._target = target
        self._output = output

    async def call(self, method: str, path: str, body: Mapping[str, Any] | bytes | None = None) -> Mapping[str, Any]:
        """The body of a success. Raises UserError."""
        return self._checked(await self._client.call(method, path, body), path)

    async def find(self, path: str) -> Mapping[str, Any] | None:
        """The body of a GET; None for no such fleet, {} for a configuration that cannot be read."""
        reply = await self._client.call("GET", path)
        if reply.code == "document_unreadable":
            return {}
        return None if reply.code == "unknown_fleet" else self._checked(reply, path)

    async def entries(self, path: str, member: str, **filters: str | None) -> list[Any]:
        """All entries of the list at `path` that match, which are `member` of its pages."""
        query = {name: value for name, value in filters.items() if value is not None}
        pages = self._client.pages(path, **query)
        return [entry async for page in pages for entry in self._checked(page, path)[member]]

    async def pools(self, **filters: str | None) -> list[Mapping[str, Any]]:
        """All pools that match."""
        return await self.entries("pools", "pools", **filters)

    def show(self, data: object, *tables: Table) -> None:
        """Print `data` as JSON, or as tables."""
        typer.echo(text_of(self._output, data, *tables))

    def _checked(self, reply: Reply, path: str) -> Mapping[str, Any]:
        """The body of a success. Raises UserError, which names what was called."""
        return checked(reply if reply.ok else reply._replace(body={**self._called(reply, path), **reply.body}))

    def _called(self, reply: Reply, path: str) -> dict[str, str]:
        """What a failure is about: the URL, the key, the fleet or the pool; of many pools the reply has its `name`."""
        if not reply.status or reply.code == "not_found" or reply.code.startswith("http_"):
            return {"--url or SLTA_URL": self._target.url}
        if reply.code == "unauthenticated":
            return {"--key-file or SLTA_API_KEY": "a wrong key" if self._target.headers() else "not set"}
        if reply.code == "unknown_fleet":
            return {"fleet": self._target.fleet or path}
        if reply.code == "unknown_pool" and "name" not in reply.body:
            return {"pool": unquote(path.split("/")[1])}
        return {}


def confirm(question: str, *, yes: bool) -> None:
    """Ask. Raises UserError, exit code 1, for no; without a terminal, exit code 2, unless `yes`."""
    if yes:
        return
    if not is_terminal():
        raise UserError(f"{question} There is no terminal to ask: repeat it with --yes")
    if not typer.confirm(question, err=True):
        raise UserError("nothing was changed", NO)


def is_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()
