"""What can be set, from the environment (`SLTA_…`) and the command line, which comes first."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.access.rate_limit import Rate
from service.process.logs import Format, Level
from service.store.durability import DURABILITIES, Durability, Mode
from service.store.requirements import Demands
from service.store.urls import InvalidUrl, parse

PREFIX = "SLTA_"
SECRETS_DIR = f"{PREFIX}SECRETS_DIR"


class SettingsError(ValueError):
    """The settings are not valid; the message says which and why."""


class Settings(BaseSettings):
    """One process's settings. Each field is the environment variable `SLTA_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """0 takes a free one; the log says which."""

    store_url: SecretStr | None = None
    """One of the forms of `service.store.urls`; without it the process owns an embedded store."""
    store_volatile: Literal["refuse", "allow"] = "refuse"
    """allow: a shared store may be one that keeps no append-only file."""
    durability: Mode = "async"
    """What an acknowledgement promises, see `service.store.durability`."""
    store_replicas: Annotated[int, Field(ge=1)] | None = None
    """How many replicas must confirm each write: all that there are, of whatever priority. For `replicated`."""
    store_fsync: Literal["ask", "always"] = "ask"
    """always: the operator knows that a shared store runs with `appendfsync always`, and it need not be asked."""
    data_dir: Path = Path(".slta")
    store_binary: str | None = None
    """A valkey-server or redis-server for the embedded store, instead of the one that comes along."""

    config: Path | None = None
    """A fleet file, applied at the start when it differs from the last one applied."""

    auth: Literal["keys", "off"] = "keys"
    """off, callers prove nothing: only on a loopback address, and only when it is said."""
    keys_file: Path | None = None
    """What `slta key new` writes."""
    rate_limit_per_second: Annotated[float, Field(gt=0)] | None = None
    """Requests a second of one key, or of one address where there are no keys."""
    rate_limit_burst: Annotated[int, Field(ge=1)] = 100

    docs: bool | None = None
    """/docs and /openapi.json; by default only on a loopback address."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Names that a request's Host may have, comma-separated, besides those of loopback.

    When empty: on a loopback address the host's own, elsewhere all.
    """

    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = ()
    """Addresses or networks, comma-separated, whose X-Forwarded-For is believed."""

    tls_certificate: Path | None = None
    tls_key: Path | None = None

    secrets_dir: Path | None = None
    """A folder whose files are settings: each has the name of its variable, which wins over it."""

    log_level: Level = "info"
    log_format: Format | None = None
    """By default console on a terminal, else JSON."""

    most_connections: Annotated[int, Field(ge=1)] | None = None
    """Connections at a time, of all clients; by default 4,096, or fewer where the limit of open files asks for it."""
    head_seconds: Annotated[float, Field(gt=0)] = 10
    """How long a client may take to its first byte, and from it to the end of a request's headers."""
    keep_alive_seconds: Annotated[int, Field(ge=1)] = 65
    """Longer than a proxy in front keeps its connections, so that it never uses one that just closes."""
    lame_duck_seconds: Annotated[float, Field(ge=0)] = 0
    """How long it serves on once it was asked to end, and says so, for balancers to take it out."""
    shutdown_seconds: Annotated[int, Field(ge=1)] = 10
    """How long requests may take to finish once the process was asked to end."""

    @field_validator("allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.store_url:
            check_store_url(self.store_url.get_secret_value())
        self._check_durability()
        if self.auth == "off" and self.keys_file is not None:
            raise ValueError("auth=off and a keys_file contradict each other: give one of them")
        if self.auth == "off" and not self.loopback:
            raise ValueError(
                f"{self.host} can be reached from other machines: give a keys_file (`slta key new` makes one), "
                "or listen on 127.0.0.1"
            )
        if self.requires_keys and self.keys_file is None:
            raise ValueError(
                "no keys_file: `slta key new` makes one; on loopback SLTA_AUTH=off lets every local program in"
            )
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        return self

    def _check_durability(self) -> None:
        if (self.durability == "replicated") != (self.store_replicas is not None):
            raise ValueError(
                "durability=replicated and store_replicas go together: say how many replicas the store has"
            )
        if self.store_replicas and not self.store_url:
            raise ValueError("durability=replicated needs a store_url: the store of one process has no replicas")
        if self.durability == "fsync" and self.takes_volatile:
            raise ValueError("durability=fsync and store_volatile=allow contradict each other: give one of them")

    @property
    def promise(self) -> Durability:
        """How far a write has got when it is acknowledged."""
        return DURABILITIES[self.durability](self.store_replicas or 0)

    @property
    def asks_sync(self) -> bool:
        """Whether a store has to say that it syncs each write."""
        return self.promise.on_disk and self.store_fsync == "ask"

    @property
    def demands(self) -> Demands:
        """What a shared store must be."""
        return Demands(
            volatile=self.takes_volatile,
            confirmed=self.promise.replicas > 0,
        )

    @property
    def requires_keys(self) -> bool:
        """Callers prove who they are."""
        return self.auth == "keys"

    @property
    def loopback(self) -> bool:
        """Only this machine can reach the address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names that a request's Host may have besides those of loopback; `*` for all."""
        own = f"[{self.host}]" if ":" in self.host else self.host
        return self.allowed_hosts or ((own,) if self.loopback else ("*",))

    @property
    def rate(self) -> Rate | None:
        """How often a key may ask; None for no limit."""
        per_second = self.rate_limit_per_second
        return Rate(per_second, self.rate_limit_burst) if per_second else None

    @property
    def shared_store_url(self) -> str:
        """The URL of the store in clear, with its password; '' without one."""
        return self.store_url.get_secret_value() if self.store_url else ""

    @property
    def takes_volatile(self) -> bool:
        """Whether a shared store may lose its data when it ends."""
        return self.store_volatile == "allow"

    @property
    def shows_docs(self) -> bool:
        """Whether /docs is there."""
        return self.loopback if self.docs is None else self.docs


def check_store_url(url: str) -> None:
    """Raises SettingsError, without the URL, where it leads nowhere."""
    try:
        parse(url)
    except InvalidUrl as error:
        raise SettingsError(f"store_url {error}") from None


def read_settings(**given: object) -> Settings:
    """The settings `given` (None: not given), from the environment, and from secret files; raises SettingsError."""
    known: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    folder = os.environ.get(SECRETS_DIR)
    if folder is not None and not Path(folder).is_dir():
        raise SettingsError(f"{SECRETS_DIR}: {folder} is not a folder")
    try:
        return Settings(**known, _secrets_dir=folder)
    except ValidationError as error:
        raise SettingsError("; ".join(map(_explain, error.errors(include_input=False)))) from None


def _explain(error: ErrorDetails) -> str:
    field = ".".join(map(str, error["loc"]))
    return f"{field}: {error['msg']}" if field else error["msg"].removeprefix("Value error, ")


def unknown_variables(environment: Iterable[str]) -> list[str]:
    """Variables that look like settings and are none (`SLTA_API_KEY` is the load generator's): typing errors."""
    known = {f"{PREFIX}{field.upper()}" for field in (*Settings.model_fields, "api_key")}
    return sorted(name for name in environment if name.upper().startswith(PREFIX) and name.upper() not in known)
