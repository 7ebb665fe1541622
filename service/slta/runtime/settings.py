"""Settings of a dispatcher, from the environment (`SLTA_…`) and the command line, which takes precedence."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Container, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, HttpUrl, IPvAnyNetwork, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from slta.auth.rate_limit import Rate
from slta.parsing.validation_errors import VALIDATOR_PREFIX
from slta.runtime.logs import Format, Level
from slta.store import DURABILITIES, Durability, InvalidUrlError, Mode, ServerRequirements, parse_store_url

PREFIX = "SLTA_"
SECRETS_DIR = f"{PREFIX}SECRETS_DIR"
DEFAULT_PORT = 8080
LINKED_ADDRESS = ("tcp://", "udp://", "sctp://")
"""Beginnings of the value that Kubernetes gives SLTA_PORT for a Service `slta`; it counts as absent."""
SERVICE_LINK = re.compile(rf"{PREFIX}(\w+_)?(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP|SCTP))(_\w+)?", re.ASCII)
"""Variables that Kubernetes sets in each container of a namespace with a Service named `slta` or `slta-…`."""
VARIABLES_OF_CLIENTS = ("SLTA_API_KEY", "SLTA_FLEET", "SLTA_URL")
"""Variables of `slta loadgen`, of the integrations and of operators' commands."""
NEAR = 0.84
"""Similarity of a misspelled name, see difflib: two letters of thirteen may be wrong, one of nine."""


class SettingsError(ValueError):
    """The settings are invalid; the message names the setting and the reason."""


class Settings(BaseSettings):
    """Settings of one process. Each field is the variable `SLTA_<FIELD>`; docs/settings.md has its docstring."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65_535)] = DEFAULT_PORT
    """Port to listen on; 0: a free one, which is logged."""
    config: Path | None = None
    """Fleet file, applied like PUT at startup if it differs from the last one applied. A file that would remove a class
    or a type in use ends the start with code 2; `pool_limit` and `pool_in_other_class` may leave it applied in part."""

    store_url: SecretStr | None = None
    """Shared store, Redis ≥ 7 or Valkey, see below; default: an embedded store."""
    store_checks: bool = True
    """`false`: accept a shared store without append-only file, which loses all sessions when it stops. With `fsync`,
    instead: do not query the store for `appendfsync always`, as its ACL may forbid."""
    durability: Mode = "async"
    """What an acknowledgement guarantees: `async`, `replicated` or `fsync` ([durability](operations.md#durability))."""
    store_replicas: Annotated[int, Field(ge=1)] | None = None
    """Number of replicas that must confirm each write. Count every replica, including those with priority 0. Required
    with `replicated`, invalid otherwise."""
    data_dir: Path = Path(".slta")
    """Directory of the embedded store: append-only file, log, lock."""
    store_binary: str | None = None
    """`valkey-server` or `redis-server` to embed instead of the bundled one: a path, or a name on PATH."""

    auth: bool = True
    """`false`: no keys and no authentication; only on a loopback address."""
    keys_file: Path | None = None
    """File of API keys from `slta key new`, reloaded on change. Required unless `SLTA_AUTH=false`."""
    rate_limit_per_second: Annotated[float, Field(gt=0)] | None = None
    """Requests per second of one key, or of one address without keys, counted by each process; default: unlimited."""
    rate_limit_burst: Annotated[int, Field(ge=1)] = 100
    """Requests of one key that may exceed the rate at once."""

    docs: bool | None = None
    """Whether `/docs` and `/openapi.json` are served; default: only on a loopback address."""
    docs_url: HttpUrl | None = None
    """Site of these pages; the `type` of a problem is then the section of its code, `…/errors.html#no_capacity`."""
    runbook_url: HttpUrl | None = None
    """Runbook that the live page links to, such as your copy of [the runbook](runbook.md)."""
    grafana_url: HttpUrl | None = None
    """Grafana that the live page links to."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma-separated values allowed in `Host`, `*.example.org` for subdomains; loopback names always are. Default:
    `SLTA_HOST` if it is a loopback address, otherwise any."""
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = ()
    """Comma-separated addresses or networks of proxies whose `X-Forwarded-For` is trusted: the last address outside of
    them is the client's, for the log and the limit of wrong keys. Proxies are exempt from the limit of connections per
    address, and closed last."""

    tls_certificate: Path | None = None
    """PEM file; enables HTTPS with `SLTA_TLS_KEY`. Changes apply to new connections within about a second."""
    tls_key: Path | None = None
    """PEM file of the private key."""
    secrets_dir: Path | None = None
    """Directory whose files are settings, see below."""

    log_level: Level = "info"
    """`info` logs changes of fleets and pools, and responses 401, 403 and 422 (per key and address ten, then one in
    10 s); `debug` logs every request."""
    log_format: Format | None = None
    """`console` or `json`; default: `console` on a terminal, otherwise `json`."""

    max_connections: Annotated[int, Field(ge=1)] | None = None
    """Connections at a time, half of them per address (IPv6: per /64); default: 4,096, or the limit of open files less
    128, with TLS less 512. [Beyond that](operations.md#connection-limits) the longest idle one is closed."""
    header_timeout_seconds: Annotated[float, Field(gt=0)] = 10
    """Timeout of a connection's first byte, and of headers from their first byte; of a TLS handshake at most 5 s."""
    idle_timeout_seconds: Annotated[int, Field(ge=1)] = 65
    """How long idle connections are kept; must exceed the timeout of a proxy in front."""
    lame_duck_seconds: Annotated[float, Field(ge=0)] = 0
    """How long to serve after a stop signal: `/readyz` says `ending`, new connections are accepted, and each connection
    is closed after its next response. A second signal ends this."""
    shutdown_timeout_seconds: Annotated[int, Field(ge=1)] = 10
    """How long requests may take to finish when the process stops."""

    @field_validator("port", mode="before")
    @classmethod
    def _without_service_link(cls, value: object) -> object:
        return DEFAULT_PORT if isinstance(value, str) and value.startswith(LINKED_ADDRESS) else value

    @field_validator("allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("store_url")
    @classmethod
    def _parsed(cls, url: SecretStr | None) -> SecretStr | None:
        if url:
            parse_store_url(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_durability()
        if not self.auth and self.keys_file is not None:
            raise ValueError("SLTA_AUTH=false and SLTA_KEYS_FILE (--keys-file) are mutually exclusive")
        if not self.auth and not self.loopback:
            raise ValueError(
                f"{self.host} can be reached from other machines: set SLTA_KEYS_FILE or --keys-file "
                "(`slta key new --scope admin --file keys.yaml` creates one), or listen on 127.0.0.1"
            )
        if self.auth and self.keys_file is None:
            raise ValueError(
                "neither SLTA_KEYS_FILE nor --keys-file is set: `slta key new --scope admin --file keys.yaml` creates "
                "one; on loopback SLTA_AUTH=false disables authentication"
            )
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("SLTA_TLS_CERTIFICATE and SLTA_TLS_KEY go together: set both or neither")
        return self

    def _check_durability(self) -> None:
        if (self.durability == "replicated") != (self.store_replicas is not None):
            raise ValueError("SLTA_DURABILITY=replicated and SLTA_STORE_REPLICAS go together: set both or neither")
        if self.store_replicas and not self.store_url:
            raise ValueError(
                "SLTA_DURABILITY=replicated requires SLTA_STORE_URL (--store-url): the embedded store has no replicas"
            )

    @property
    def promise(self) -> Durability:
        """Guarantee of an acknowledged write."""
        return DURABILITIES[self.durability](self.store_replicas or 0)

    @property
    def asks_sync(self) -> bool:
        """Whether to check that the store syncs each write."""
        return self.promise.on_disk and self.store_checks

    @property
    def requirements(self) -> ServerRequirements:
        """Requirements of a shared store."""
        is_volatile = not self.store_checks and not self.promise.on_disk
        return ServerRequirements(volatile=is_volatile, confirmed=self.promise.replicas > 0)

    @property
    def loopback(self) -> bool:
        """Whether `host` is a loopback address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Allowed values of the Host header besides loopback names; `*` for all."""
        own = f"[{self.host}]" if ":" in self.host else self.host
        return self.allowed_hosts or ((own,) if self.loopback else ("*",))

    @property
    def rate(self) -> Rate | None:
        """Rate limit of each key; None for no limit."""
        per_second = self.rate_limit_per_second
        return Rate(per_second, self.rate_limit_burst) if per_second else None

    @property
    def shared_store_url(self) -> str:
        """URL of the shared store, including its password; '' if unset."""
        return self.store_url.get_secret_value() if self.store_url else ""

    @property
    def shared_store_kind(self) -> str:
        """Kind of the shared store, by the scheme of its URL."""
        kinds = {"sentinel": "shared, by Sentinel", "cluster": "shared, a cluster"}
        return kinds.get(self.shared_store_url.partition(":")[0].partition("+")[2], "shared")

    @property
    def docs_enabled(self) -> bool:
        """Whether to serve /docs."""
        return self.loopback if self.docs is None else self.docs


def check_store_url(url: str) -> None:
    """Raise SettingsError for an invalid store URL, without quoting it."""
    try:
        parse_store_url(url)
    except InvalidUrlError as error:
        raise SettingsError(f"--store-url {error}") from None


def read_settings(**given: object) -> Settings:
    """Read settings from `given` (None: not given), the environment and secret files.

    Raises SettingsError, also for a variable that is nearly a setting: what is misspelled may be a guarantee.
    """
    known: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    folder = os.environ.get(SECRETS_DIR)
    if folder is not None and not Path(folder).is_dir():
        raise SettingsError(f"{SECRETS_DIR}: {folder} is not a directory")
    for name, meant in unknown_variables(os.environ).items():
        if meant:
            raise SettingsError(f"{name} is not a setting: did you mean {meant}?")
    try:
        return Settings(**known, _secrets_dir=folder)
    except ValidationError as error:
        errors = error.errors(include_input=False)
        raise SettingsError("; ".join(_explain(one, known) for one in errors)) from None


def unknown_variables(environment: Iterable[str]) -> dict[str, str]:
    """Sorted `SLTA_…` names in the environment that nothing reads, each with the setting that it nearly is, else ''."""
    known = [f"{PREFIX}{field.upper()}" for field in Settings.model_fields]
    names = sorted(name for name in environment if name.upper().startswith(PREFIX) and not SERVICE_LINK.fullmatch(name))
    return {
        name: "".join(get_close_matches(name.upper(), known, n=1, cutoff=NEAR))
        for name in names
        if name.upper() not in (*known, *VARIABLES_OF_CLIENTS)
    }


def _explain(error: ErrorDetails, options: Container[object]) -> str:
    """The error, with the option or the variable that has the value."""
    message = error["msg"].removeprefix(VALIDATOR_PREFIX)
    if not error["loc"]:
        return message
    field = str(error["loc"][0])
    name = f"--{field.replace('_', '-')}" if field in options else PREFIX + field.upper()
    return f"{name} {message}" if error["msg"].startswith(VALIDATOR_PREFIX) else f"{name}: {message}"
