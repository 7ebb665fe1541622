"""API keys with scopes, stored as hashes.

A key is `<id>.<secret>`, sent as `Authorization: Bearer <key>`. The secret has 256 bits, so a single SHA-256 is
enough. Any number of keys may be active: to rotate one, add its successor, move the clients, remove the old one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from slta.parsing import Name, explain
from slta.parsing.fields import POOL_PATTERN
from slta.parsing.file_watch import Stamp, stamp_of

Scope = Literal["assign", "complete", "pool", "read", "metrics", "admin"]
"""assign: assign sessions and renew leases; complete: end sessions and renew leases; pool: the calls of pools and
autoscalers; read: fleets, pools and sessions; metrics: scrape; admin: everything."""

SCOPES: tuple[Scope, ...] = get_args(Scope)
_KEY = re.compile(r"([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{16,128})")
_DUMMY_HASH = hashlib.sha256(b"").hexdigest()


PoolPattern = Annotated[str, Field(strict=True, pattern=POOL_PATTERN)]
"""Pool id in which each `*` stands for any number of characters, also none."""


class AccessError(Exception):
    """The key file is invalid; the message is the reason."""


class KeyEntry(BaseModel):
    """One key of the key file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    fleets: Annotated[frozenset[Name], Field(min_length=1)] | None = None
    pools: Annotated[frozenset[PoolPattern], Field(min_length=1)] | None = None
    classes: Annotated[frozenset[Name], Field(min_length=1)] | None = None
    most_pools: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None

    @model_validator(mode="after")
    def _restricts_the_scope_pool(self) -> Self:
        if self.pools and ("pool" not in self.scopes or "admin" in self.scopes):
            raise PydanticCustomError("pools", "pools: restrict the scope pool only: have it, and not admin")
        if bool(self.classes) != bool(self.most_pools) or (self.classes and not self.pools):
            raise PydanticCustomError("classes", "classes, most_pools: both or neither, and only beside pools")
        return self


class KeyFile(BaseModel):
    """The key file, YAML or JSON: `keys: [{id, sha256, scopes, fleets?, pools?, classes?, most_pools?}, …]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: list[KeyEntry]


@dataclass(frozen=True, slots=True)
class Principal:
    """Authenticated caller: key id, scopes, fleets (None for all), and pools of the scope `pool` (None for all).

    A key of some pools creates them in `classes` only, and none if it would then have more than `most_pools`.
    """

    key_id: str
    scopes: frozenset[Scope]
    fleets: frozenset[str] | None = None
    pools: frozenset[str] | None = None
    classes: frozenset[str] | None = None
    most_pools: int | None = None

    def may(self, scopes: Collection[Scope]) -> bool:
        """Whether the key has one of the scopes."""
        return "admin" in self.scopes or not self.scopes.isdisjoint(scopes)

    def sees(self, fleet: str) -> bool:
        """Whether the key may access the fleet."""
        return self.fleets is None or fleet in self.fleets

    def may_use_pool(self, pool_id: str) -> bool:
        """Whether the scope `pool` covers the pool."""
        return self.pools is None or any(fnmatchcase(pool_id, pattern) for pattern in self.pools)


UNRESTRICTED = Principal("", frozenset({"admin"}))
"""Every caller, if authentication is off."""
UNAUTHENTICATED = Principal("unknown", frozenset(), frozenset())
"""Caller without a valid key on a route that requires one."""
ANONYMOUS = Principal("", frozenset(), frozenset())
"""Caller of a public route: no scopes, no fleets."""


class Access:
    """Access control of one process; `Access.open()` for none."""

    def __init__(self, keys: Mapping[str, KeyEntry] | None, path: Path | None = None) -> None:
        """`keys` by id; None: authentication is off."""
        self.path = path
        self._keys: Mapping[str, KeyEntry] | None = None
        self.replace(keys, stamp_of(path))

    @classmethod
    def open(cls) -> Self:
        """Turn authentication off."""
        return cls(None)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load a key file. Raises AccessError."""
        return cls(read_keys(path), path)

    @property
    def is_open(self) -> bool:
        """Whether authentication is off."""
        return self._keys is None

    @property
    def entries(self) -> list[KeyEntry]:
        """Entries of the key file."""
        return list((self._keys or {}).values())

    def has_changed(self, key: KeyEntry) -> bool:
        """Whether this entry of a key is not the present one."""
        return (self._keys or {}).get(key.id, key) != key

    def replace(self, keys: Mapping[str, KeyEntry] | None, stamp: Stamp, changed: Collection[str] = ()) -> None:
        """Take over the keys of the file of this stamp. `changed` are the ids of those that were there and differ."""
        before, after = (self._keys or {}).keys(), (keys or {}).keys()
        self.stamp = stamp
        self.last_change = {
            "added": sorted(after - before),
            "removed": sorted(before - after),
            "changed": sorted(changed),
        }
        """Ids of the keys that the last reload added, removed or changed."""
        self._keys = keys
        self._principals = dict[str, Principal]()  # by id, as they are used: thousands at once take 10 ms

    def identify(self, authorization: str | None) -> Principal | None:
        """Authenticate an Authorization header; None if invalid. Takes the same time whatever the reason."""
        if self._keys is None:
            return UNRESTRICTED
        scheme, _, text = (authorization or "").partition(" ")
        match = _KEY.fullmatch(text.strip())
        key_id, secret = match.groups() if match and scheme.lower() == "bearer" else ("", "")
        key = self._keys.get(key_id)
        digest = hashlib.sha256(secret.encode()).hexdigest()
        matches = hmac.compare_digest(digest, key.sha256 if key else _DUMMY_HASH)
        return self._principal_of(key) if matches and key else None

    def _principal_of(self, key: KeyEntry) -> Principal:
        known = self._principals.get(key.id)
        if known is None:
            known = self._principals[key.id] = Principal(
                key.id, key.scopes, key.fleets, key.pools, key.classes, key.most_pools
            )
        return known


def read_keys(path: Path) -> dict[str, KeyEntry]:
    """The keys of a file by id. AccessError."""
    try:
        file = KeyFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise AccessError(f"{path}: {error.strerror}") from None
    except ValidationError as error:
        raise AccessError(f"{path}: {explain(error.errors(include_input=False))}") from None
    except (yaml.YAMLError, AttributeError, KeyError, RecursionError, ValueError):  # PyYAML's, as for 2001-99-99
        raise AccessError(f"{path}: not valid YAML") from None
    keys = {key.id: key for key in file.keys}
    if len(keys) < len(file.keys):
        raise AccessError(f"{path}: two keys have the same id")
    return keys


def generate_key(
    scopes: Collection[Scope],
    fleets: Collection[str] = (),
    pools: Collection[str] = (),
    classes: Collection[str] = (),
    most_pools: int | None = None,
) -> tuple[str, KeyEntry]:
    """Generate a key, to be shown once, and its entry for the key file. ValidationError for an invalid restriction."""
    key_id, secret = f"slta-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    entry = KeyEntry(
        id=key_id,
        sha256=digest,
        scopes=frozenset(scopes),
        fleets=frozenset(fleets) or None,
        pools=frozenset(pools) or None,
        classes=frozenset(classes) or None,
        most_pools=most_pools,
    )
    return f"{key_id}.{secret}", entry
