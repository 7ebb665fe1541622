"""HTTP client of the Kubernetes API server: list, watch, and single objects."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import aiohttp

from slta.cli.error_messages import UserError
from slta_integrations.kubernetes.events import GONE, Event, ExpiredError, Lines, StreamError, decode

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PAGE = 500
LIST_SECONDS = 30.0
CALL_SECONDS = 5.0
"""Of a call about one object."""
WATCH_SECONDS = 13
"""The API server ends a watch then, 2 s after a bookmark; the next one resumes."""
DEAD_SECONDS = 17.0
"""A watch that has not ended by then is dead."""
NOT_FOUND, CONFLICT = 404, 409
MAX_STATUS_BYTES, MAX_MESSAGE = 65_536, 300


class RefusedError(Exception):
    """Response other than success and 410, with the message of its Status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


FAILURES = (StreamError, RefusedError, aiohttp.ClientError, TimeoutError, OSError)


class Kind(NamedTuple):
    """Kind of objects: path of its API group, plural, selectors of labels and fields, and whether metadata suffice."""

    group: str
    plural: str
    selector: str
    metadata_only: bool = False
    fields: str = ""
    none_for: int | None = None
    """Status that says that there are none, as where a kind is not installed."""

    def accept(self, suffix: str) -> str:
        """Accept header; a server that cannot send metadata alone sends the objects."""
        partial = f"application/json;as=PartialObjectMetadata{suffix};v=v1;g=meta.k8s.io,"
        return f"{partial if self.metadata_only else ''}application/json"


class Access(NamedTuple):
    """Where the API server is. The token file is read at each call, since Kubernetes replaces it."""

    url: str
    token_file: Path | None = None
    ca_file: Path | None = None

    def headers(self) -> dict[str, str]:
        """Authorization, if there is a token file. Raises OSError."""
        token = self.token_file.read_text(encoding="ascii").strip() if self.token_file else ""
        return {"Authorization": f"Bearer {token}"} if token else {}

    def tls(self) -> ssl.SSLContext | bool:
        """TLS settings, with the CAs of this file only. Raises OSError."""
        return ssl.create_default_context(cadata=self.ca_file.read_text("ascii")) if self.ca_file else True


def in_cluster(account: Path = ACCOUNT) -> Access:
    """Access of a pod by its service account. Raises UserError outside of a cluster."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise UserError("--api-server: required outside of a cluster, where KUBERNETES_SERVICE_HOST is not set")
    host = f"[{host}]" if ":" in host else host
    return Access(f"https://{host}:{port}", account / "token", account / "ca.crt")


class ApiServer:
    """The client. Use it as `async with ApiServer(access) as api`.

    Calls raise what is in `FAILURES`, and ExpiredError for 410.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._access.tls())
        self._http = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def list(self, kind: Kind, namespace: str) -> tuple[list[Mapping[str, Any]], str]:
        """All objects, and the resource version to watch from. Pages are of one instant."""
        items: list[Mapping[str, Any]] = []
        query = {"labelSelector": kind.selector, "fieldSelector": kind.fields, "limit": str(PAGE)}
        while True:
            options = {"params": query, "headers": {"Accept": kind.accept("List")}, "none_for": kind.none_for}
            page = await self._json("GET", _path(kind.group, namespace, kind.plural), LIST_SECONDS, **options)
            metadata = page.get("metadata") or {}
            items += page.get("items") or ()
            if not metadata.get("continue"):
                return items, str(metadata.get("resourceVersion") or "")
            query["continue"] = metadata["continue"]

    @asynccontextmanager
    async def watch(self, kind: Kind, namespace: str, resource_version: str) -> AsyncIterator[AsyncIterator[Event]]:
        """Events since a resource version, until the API server ends the watch. Iterating raises the same."""
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "labelSelector": kind.selector,
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        timeout = aiohttp.ClientTimeout(total=DEAD_SECONDS, sock_connect=10)
        path = _path(kind.group, namespace, kind.plural)
        headers = {"Accept": kind.accept("")}
        async with self._call("GET", path, params=query, headers=headers, timeout=timeout) as response:
            yield _events(response)

    async def call(self, method: str, group: str, namespace: str, *names: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401
        """Read or change one object; what is returned for it. Empty for the status `none_for`."""
        return await self._json(method, _path(group, namespace, *names), CALL_SECONDS, **options)

    async def _json(self, method: str, path: str, seconds: float, **options: Any) -> dict[str, Any]:  # noqa: ANN401
        timeout = aiohttp.ClientTimeout(total=seconds)
        none_for = options.pop("none_for", None)
        try:
            async with self._call(method, path, timeout=timeout, **options) as response:
                body = await response.json(content_type=None)
        except RefusedError as error:
            if error.status == none_for:
                return {}
            raise
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise StreamError(f"{path}: the response is not a JSON object")
        return body

    @asynccontextmanager
    async def _call(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:  # noqa: ANN401
        headers = {**options.pop("headers", {}), **self._access.headers()}
        url = self._access.url.rstrip("/") + path
        async with self._http.request(method, url, headers=headers, allow_redirects=False, **options) as response:
            if response.status >= 300:
                text = _message(await response.content.read(MAX_STATUS_BYTES))
                if response.status == GONE:
                    raise ExpiredError(text)
                raise RefusedError(response.status, f"{response.status} to {method} {path}: {text}")
            yield response


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    lines = Lines()
    async for received in response.content.iter_any():
        for line in lines.feed(received):
            yield decode(line)


def _message(body: bytes) -> str:
    """That of a Status; otherwise how the body begins."""
    try:
        return str(json.loads(body)["message"])[:MAX_MESSAGE]
    except (ValueError, LookupError, TypeError, RecursionError):
        return body[:MAX_MESSAGE].decode(errors="replace")


def _path(group: str, namespace: str, *names: str) -> str:
    return "/".join((group, "namespaces", namespace, *names))
