"""What is known of a request once it is answered."""

from __future__ import annotations

from typing import NamedTuple


class RequestRecord(NamedTuple):
    """An answered request.

    `route` is the path's template, None where none matched; `status` 0 when the client left; `fleet` and `key_id` ''
    where there is none, `key_id` `unknown` where the key is none of ours; `shed` where it was refused because too much
    waits; `address` the client's, as far as trusted proxies tell. Nothing in it is a client's free text.
    """

    request_id: str
    method: str
    route: str | None
    status: int
    seconds: float
    fleet: str
    key_id: str
    shed: bool = False
    address: str = ""
