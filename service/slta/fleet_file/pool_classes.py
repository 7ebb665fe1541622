"""Classes of pools in the fleet file, and their pools."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from slta.core.limits import MAX_CAPACITY, MAX_POOLS
from slta.fleet_file.curves import Curve, Table
from slta.models import UNCHANGED, PoolSpec
from slta.parsing.fields import NAME_PATTERN, Name, Part
from slta.parsing.pool_attributes import ADDRESS_PATTERN, Address, Labels


class PoolFile(Part):
    """Pool of a class. An absent attribute of a present pool is kept."""

    id: Name
    """Id of the pool."""
    address: Address | None = None
    """[Address](api.md#addresses-and-labels) that responses have."""
    labels: Labels | None = None
    """Labels, up to 16."""


PoolsFile = Annotated[
    Annotated[int, Field(strict=True, ge=0, le=MAX_POOLS), Tag("number")]
    | Annotated[list[PoolFile], Field(max_length=MAX_POOLS), Tag("list")],
    Discriminator(lambda pools: "list" if isinstance(pools, list) else "number"),
]
"""Number of pools, or the pools themselves."""


class ClassFile(Part):
    """Class of pools, of which missing ones are created."""

    name: Name
    """Name of the class."""
    utility: Curve
    """[Curve](#curves) of one pool."""
    curve: Literal["learned"] | None = None
    """`learned`: an apply of the file keeps the curve that the fleet has, unless the capacity changes."""
    capacity: Annotated[int, Field(strict=True, ge=1, le=MAX_CAPACITY)]
    """Maximum number of sessions on one pool."""
    pools: PoolsFile = Field(default_factory=lambda: 0)  # a default of one of several types stops client generators
    """Pools to create: a list, or N for `<name>-1` to `<name>-N`."""
    address: Address | None = None
    """With `pools: N` the address of each, in which `{n}` stands for the number."""

    @property
    def pool_count(self) -> int:
        """Number of pools."""
        return self.pools if isinstance(self.pools, int) else len(self.pools)

    def wanted_pools(self) -> list[PoolSpec]:
        """Pools of the class with the attributes that the file sets."""
        if isinstance(self.pools, int):
            numbers = range(1, self.pools + 1)
            return [_spec(f"{self.name}-{n}", self.name, self._address(n)) for n in numbers]
        return [_spec(pool.id, self.name, pool.address, pool.labels) for pool in self.pools]

    def _address(self, number: int) -> str | None:
        return self.address and self.address.replace("{n}", str(number))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if isinstance(self.pools, int) and not re.fullmatch(NAME_PATTERN, f"{self.name}-{self.pools}"):
            raise PydanticCustomError(
                "name_length", "name is too long: the pool ids `<name>-<number>` must have at most 128 characters"
            )
        self._check_address()
        if isinstance(self.utility, Table) and len(self.utility.values) != self.capacity + 1:
            raise PydanticCustomError(
                "table_length", "utility.values must have capacity + 1 values, u(0) to u(capacity)"
            )
        return self

    def _check_address(self) -> None:
        if self.address is None:
            return
        if not isinstance(self.pools, int):
            raise PydanticCustomError("address", "address is for pools: N; give each pool of a list its own")
        if "{n}" not in self.address:
            raise PydanticCustomError("address", "address must contain {n}, the number of the pool")
        if not re.fullmatch(ADDRESS_PATTERN, self._address(self.pools) or ""):
            raise PydanticCustomError("address", "address has more than 255 bytes with the number of a pool")


def _spec(pool_id: str, pool_class: str, address: str | None, labels: Mapping[str, str] | None = None) -> PoolSpec:
    return PoolSpec(
        pool_id, pool_class, UNCHANGED if address is None else address, UNCHANGED if labels is None else labels
    )
