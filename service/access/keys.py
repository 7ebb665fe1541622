"""Who may do what: API keys with scopes, kept as hashes.

A key is `<id>.<secret>`, sent as `Authorization: Bearer <key>`. The secret has 256 bits, so one SHA-256 hides
it. Any number of keys may be active: to rotate one, add its successor, move the clients, remove the old one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.reading import Name, explain
from service.reading.stamps import stamp_of

Scope = Literal["assign", "complete", "pool", "read", "metrics", "admin"]
"""assign: place sessions and renew leases; complete: end them, and renew; pool: what a pool or its autoscaler
does; read: look at fleets, pools and sessions; metrics: scrape; admin: everything."""

SCOPES: tuple[Scope, ...] = get_args(Scope)
_KEY = re.compile(r"([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{16,128})")
_NO_KEY = hashlib.sha256(b"").hexdigest()


class AccessError(Exception):
    """The key file cannot be used; the message says why."""


class KeyEntry(BaseModel):
    """One key of the key file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    fleets: Annotated[frozenset[Name], Field(min_length=1)] | None = None


class KeyFile(BaseModel):
    """The key file, YAML or JSON: `keys: [{id, sha256, scopes, fleets?}, …]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: list[KeyEntry]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: a key's id, what it may do, and in which fleets (None for all)."""

    key_id: str
    scopes: frozenset[Scope]
    fleets: frozenset[str] | None = None

    def may(self, scopes: Collection[Scope]) -> bool:
        """Whether one of the scopes is held."""
        return "admin" in self.scopes or not self.scopes.isdisjoint(scopes)

    def sees(self, fleet: str) -> bool:
        """Whether the fleet exists for this caller."""
        return self.fleets is None or fleet in self.fleets


ANYBODY = Caller("", frozenset({"admin"}))
"""Who sends a request where nobody has to prove who they are."""
STRANGER = Caller("unknown", frozenset(), frozenset())
"""Who sends no key where one is needed, or one that is not in the key file."""
NOBODY = Caller("", frozenset(), frozenset())
"""Who may do nothing and sees no fleet."""


class Access:
    """The keys of one process. `Access.open()` lets everybody do everything."""

    def __init__(self, keys: Mapping[str, KeyEntry] | None, path: Path | None = None) -> None:
        """`keys` by id; None for no access control."""
        self._path = path
        self._stamp = stamp_of(path)
        self._keys: Mapping[str, KeyEntry] | None = None
        self._take_up(keys)

    @classmethod
    def open(cls) -> Self:
        """Nobody has to prove who they are."""
        return cls(None)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The keys of a key file; raises AccessError."""
        return cls(_read_keys(path), path)

    @property
    def is_open(self) -> bool:
        """Whether nobody has to prove who they are."""
        return self._keys is None

    @property
    def entries(self) -> list[KeyEntry]:
        """The keys, as the key file has them."""
        return list((self._keys or {}).values())

    def reload_if_changed(self) -> bool:
        """Take up a changed key file; whether it had changed. AccessError when unusable: the old keys stay."""
        stamp = stamp_of(self._path)
        if self._path is None or stamp == self._stamp:
            return False
        self._stamp = stamp
        self._take_up(_read_keys(self._path))
        return True

    def last_change(self) -> dict[str, list[str]]:
        """Ids of the keys that came, went, or have another secret, scopes or fleets since the last reload."""
        return self._changed

    def _take_up(self, keys: Mapping[str, KeyEntry] | None) -> None:
        self._changed = _differences(self._keys or {}, keys or {})
        self._keys = keys
        self._callers = {key.id: Caller(key.id, key.scopes, key.fleets) for key in (keys or {}).values()}

    def identify(self, authorization: str | None) -> Caller | None:
        """Who holds the key of an Authorization header; None for nobody. It takes equally long for each reason."""
        if self._keys is None:
            return ANYBODY
        scheme, _, text = (authorization or "").partition(" ")
        match = _KEY.fullmatch(text.strip())
        key_id, secret = match.groups() if match and scheme.lower() == "bearer" else ("", "")
        key = self._keys.get(key_id)
        held = hashlib.sha256(secret.encode()).hexdigest()
        same = hmac.compare_digest(held, key.sha256 if key else _NO_KEY)
        return self._callers[key_id] if same and key else None


def _differences(before: Mapping[str, KeyEntry], after: Mapping[str, KeyEntry]) -> dict[str, list[str]]:
    changed = [key_id for key_id in before.keys() & after.keys() if before[key_id] != after[key_id]]
    return {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(changed),
    }


def _read_keys(path: Path) -> dict[str, KeyEntry]:
    try:
        file = KeyFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise AccessError(f"{path}: {error.strerror}") from None
    except ValidationError as error:
        raise AccessError(f"{path}: {explain(error.errors(include_input=False))}") from None
    except (yaml.YAMLError, AttributeError, KeyError, RecursionError, ValueError):  # PyYAML's, of 2001-99-99 for one
        raise AccessError(f"{path}: not valid YAML") from None
    keys = {key.id: key for key in file.keys}
    if len(keys) < len(file.keys):
        raise AccessError(f"{path}: two keys have the same id")
    return keys


def generate_key(scopes: Collection[Scope], fleets: Collection[str] = ()) -> tuple[str, KeyEntry]:
    """A new key, to be shown once and handed to its holder, and its entry for the key file."""
    key_id, secret = f"slta-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
    entry = KeyEntry(
        id=key_id,
        sha256=hashlib.sha256(secret.encode()).hexdigest(),
        scopes=frozenset(scopes),
        fleets=frozenset(fleets) or None,
    )
    return f"{key_id}.{secret}", entry
