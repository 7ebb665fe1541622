"""What each role does on each code is what `code_roles.txt` lists.

`python -m tests.contract.test_code_roles` prints the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from slta.api.http.openapi import ERRORS, MEANINGS, OF_PROXIES
from slta_client.replies import Reply
from slta_client.rules import rule_of
from slta_integrations.follow.operations import is_final
from slta_integrations.follow.sender import _is_refused
from slta_integrations.kubernetes.metrics import Metrics, Telemetry
from slta_integrations.kubernetes.pools import Pools, StoppedError
from slta_integrations.notices import Notices
from slta_loadgen import retry
from tests.contract import client_codes

TABLE = Path(__file__).with_name("code_roles.txt")
OF_A_PROXY = {"dispatcher_unavailable": 503, "outcome_unknown": 502}
OF_OPERATIONS = {error.code for error in ERRORS} | {"internal_error"}
"""Codes that an operation of a bulk call can have."""
UNKNOWN = (400, 401, 404, 408, 409, 418, 422, 429, 500, 502, 503, 504)
"""Statuses without a problem document, or with a code of a newer version."""
NO_REPLY = ("unreachable", "timeout", "disconnected", "invalid_reply")


def codes() -> Iterator[tuple[str, int]]:
    yield from sorted((code, meaning.status) for code, meaning in MEANINGS.items() if code not in OF_PROXIES)
    yield from OF_A_PROXY.items()
    yield from ((f"http_{status}", status) for status in UNKNOWN)
    yield from ((code, 0) for code in NO_REPLY)


def of_the_client(code: str, status: int) -> str:
    rule = rule_of(Reply(status, code, {}))
    flags = [name for name in rule._fields[1:] if getattr(rule, name)]
    return " ".join([rule.error.__name__.removesuffix("Error"), *flags])


def of_the_follower(code: str, status: int) -> str:
    is_refused = _is_refused(Reply(status, code, {}))
    call = "refused" if is_refused else "repeated"
    if code not in OF_OPERATIONS:
        return call
    return f"{call}, in bulk {'final' if is_final(Reply(status, code, {})) else 'repeated'}"


def of_the_watcher(code: str, status: int) -> str:
    """Of Kubernetes."""

    async def call() -> Reply:
        return Reply(status, code, {})

    pools = Pools(None, "", lambda: True, Telemetry(Metrics(), Notices("kubernetes")))
    try:
        asyncio.run(pools._answer(call()))
    except StoppedError:
        return "stops"
    return "leaves out"


def of_the_load_generator(code: str, status: int) -> str:
    reply = Reply(status, code, {})
    what = "rejected" if code in retry.REJECTIONS else "final" if retry.is_final(reply) else "repeated"
    return f"{what}, settled" if reply.in_doubt else what


def row(code: str, status: int) -> str:
    agent = "away" if Reply(status, code, {}).may_pass else "refused"
    columns = (
        f"{status} {code}",
        of_the_client(code, status),
        of_the_follower(code, status),
        agent,
        of_the_watcher(code, status),
        of_the_load_generator(code, status),
    )
    return " | ".join(columns)


def table() -> list[str]:
    return ["code | client | follower | agent | kubernetes | load generator", *(row(*code) for code in codes())]


def test_each_role_does_on_each_code_what_the_table_lists() -> None:
    assert table() == TABLE.read_text(encoding="utf-8").splitlines()


def test_the_clients_table_is_made_of_the_services() -> None:
    assert client_codes.FILE.read_text(encoding="utf-8") == client_codes.text()
    told = {code: Reply(meaning.status, code, {}).meaning for code, meaning in MEANINGS.items()}
    assert told == {code: meaning[1:3] for code, meaning in MEANINGS.items()}


if __name__ == "__main__":
    print(*table(), sep="\n")
