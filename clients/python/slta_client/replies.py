"""Reply of a call: its status, problem code and body, or why there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

from slta_client.codes import MEANINGS

UNREACHABLE = "unreachable"
"""No connection: the request was not sent."""
TIMEOUT = "timeout"
"""No reply within the deadline."""
DISCONNECTED = "disconnected"
"""The connection ended before the reply did."""
BUSY = "busy"
"""Not sent, as too many others were before it in the client's own queue."""
INVALID = "invalid_reply"
"""A success whose body is not what the API promises."""
NO_CONTENT = 204
NOT_MODIFIED = 304
CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""What a problem code is: it becomes the label of a metric."""


class Meaning(NamedTuple):
    """What a failure says of its call.

    `applied`: `no` or `perhaps`. `again`: when the same call can succeed: `at_once`, `later`, or `changed`, which is
    once somebody has changed something.
    """

    applied: str
    again: str


OF_STATUS = {0: Meaning("perhaps", "at_once"), 408: Meaning("no", "at_once"), 429: Meaning("no", "later")}
OF_CLIENT = {UNREACHABLE: Meaning("no", "at_once"), BUSY: Meaning("no", "later")}


def of_status(status: int) -> Meaning:
    """Meaning of a failure by its status."""
    return OF_STATUS.get(status) or (Meaning("perhaps", "later") if status >= 500 else Meaning("no", "changed"))


class Reply(NamedTuple):
    """Reply. `status` is 0 without an HTTP response; `code` is empty on success.

    `reused`: the connection ended, and it had served an earlier request: it may have been closed before this one.
    `waited`: seconds in the client's own queue.
    """

    status: int
    code: str
    body: Mapping[str, Any]
    retry_after: float = 0.0
    reused: bool = False
    etag: str | None = None
    waited: float = 0.0

    @property
    def ok(self) -> bool:
        """True on success."""
        return 200 <= self.status < 300 or self.status == NOT_MODIFIED

    @property
    def problem(self) -> str:
        """Code and detail, for people."""
        detail = self.body.get("detail")
        return f"{self.code}: {detail}" if detail else self.code

    @property
    def meaning(self) -> Meaning:
        """Meaning of a failure, by its code, else by its status."""
        known = MEANINGS.get(self.code)
        return Meaning(*known) if known else OF_CLIENT.get(self.code) or of_status(self.status)

    @property
    def may_pass(self) -> bool:
        """True if the call failed, and the same one can succeed without a change."""
        return not self.ok and self.meaning.again != "changed"

    @property
    def in_doubt(self) -> bool:
        """True if the call failed and may have been applied."""
        return not self.ok and self.meaning.applied == "perhaps"

    def text(self, name: str) -> str | None:
        """A member of the body, if it is a text."""
        value = self.body.get(name)
        return value if isinstance(value, str) else None

    def seconds(self, name: str) -> float | None:
        """A member of the body in seconds: 0 without it, None if it is no finite number of at least 0."""
        try:
            value = float(self.body.get(name) or 0.0)
        except (TypeError, ValueError, OverflowError):
            return None
        return value if isfinite(value) and value >= 0 else None


def failed(code: str, *, reused: bool = False, detail: str = "") -> Reply:
    """No HTTP response, for `code`."""
    return Reply(0, code, {"detail": detail} if detail else {}, reused=reused)


def parse(status: int, headers: Mapping[str, str], content: bytes) -> Reply:
    """Read an HTTP response. Without a problem document, as from a proxy, the code is `http_<status>`."""
    if status == NOT_MODIFIED:
        return Reply(status, "", {})
    members = _members(content)
    if 200 <= status < 300:
        etag = headers.get("ETag")
        known = etag if etag and etag.isascii() else None  # no other can be sent back
        return Reply(status, "", members, etag=known) if members or status == NO_CONTENT else failed(INVALID)
    retry_after = headers.get("Retry-After")
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
    return Reply(status, _code(status, members), members, seconds)


def _code(status: int, body: Mapping[str, Any]) -> str:
    code = body.get("code")
    return code if isinstance(code, str) and CODE.fullmatch(code) else f"http_{status}"


def outcomes(reply: Reply, count: int) -> list[Reply]:
    """The outcomes of a bulk call, in order; if the call failed, each failed like it."""
    if not reply.ok:
        return [reply] * count
    found = reply.body.get("outcomes")
    if not isinstance(found, list) or len(found) != count:
        return [failed(INVALID)] * count
    return [_outcome(one) for one in found]


def _outcome(one: object) -> Reply:
    body = one.get("body") if isinstance(one, dict) else None
    status = one.get("status") if isinstance(one, dict) else None
    if not isinstance(body, dict) or not isinstance(status, int):
        return failed(INVALID)
    if 200 <= status < 300:
        return Reply(status, "", body)
    reply = Reply(status, _code(status, body), body)
    return reply._replace(retry_after=reply.seconds("retry_after_seconds") or 0.0)


def _members(content: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
