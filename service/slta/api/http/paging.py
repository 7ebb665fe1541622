"""Pages of a list: the query `limit` and `cursor`, and the cursor of the next page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple, TypeVar

from fastapi import Depends, Query

from slta.parsing import NAME_PATTERN

MAX_LIMIT = 1000
Entry = TypeVar("Entry")
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="largest number of entries of the page")]
CURSOR = "`next_cursor` of the previous page"
Number = Annotated[str | None, Query(pattern="^[0-9]{1,9}$", description=CURSOR)]
Name = Annotated[str | None, Query(pattern=NAME_PATTERN, description=CURSOR)]


class Paging(NamedTuple):
    """Page that a request asks for: at most `limit` entries, from the first on without a `cursor`."""

    cursor: str | None
    limit: int

    def cut(self, entries: Mapping[str, Entry]) -> tuple[list[Entry], str | None]:
        """The entries whose keys follow the cursor, and the next cursor; `entries` are in ascending order of keys.

        An entry that is there from the first page to the last is on exactly one of them.
        """
        keys = [key for key in entries if key > (self.cursor or "")]
        page = keys[: self.limit]
        return [entries[key] for key in page], page[-1] if len(keys) > len(page) else None


async def _by_number(cursor: Number = None, limit: Limit = 100) -> Paging:
    return Paging(cursor, limit)


async def _by_name(cursor: Name = None, limit: Limit = 100) -> Paging:
    return Paging(cursor, limit)


ByNumber = Annotated[Paging, Depends(_by_number)]
ByName = Annotated[Paging, Depends(_by_name)]
"""Pages of a list with numbers, or names, as cursors."""
