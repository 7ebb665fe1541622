"""Store URL: the address of one server, of the sentinels that know the master, or of nodes of a cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from redis.asyncio.connection import Connection, parse_url
from redis.exceptions import RedisError

SERVER_PORT = 6379
SENTINEL_PORT = 26_379
SENTINEL_SCHEMES = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
CLUSTER_SCHEMES = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
LIST_SCHEMES = SENTINEL_SCHEMES | CLUSTER_SCHEMES
"""Schemes of URLs with a list of hosts, and that of one of them."""
SCHEMES = ("redis", "rediss", "unix", *LIST_SCHEMES)
SENTINEL_OPTIONS = {"sentinel_username": "username", "sentinel_password": "password"}
"""URL options for the sentinels, if they have users of their own, and their names in redis-py."""
SERVER_OPTIONS = frozenset({"username", "password", "db"})
"""Options that are not passed to the sentinels."""
OBJECT_OPTIONS = frozenset(
    {
        "connection_class",
        "credential_provider",
        "encoder_class",
        "event_dispatcher",
        "maint_notifications_config",
        "parser_class",
        "redis_connect_func",
        "retry",
    }
)
"""Options of redis-py's connections whose values are objects."""
TIME_OPTIONS = ("socket_timeout", "socket_connect_timeout")

HOSTS = re.compile(rf"(?:{'|'.join(map(re.escape, LIST_SCHEMES))})://(?:[^/?#]*@)?(?P<hosts>[^/?#]*)")
"""Matches the list of hosts of a URL that has one."""

Address = tuple[str, int]
Options = Mapping[str, Any]
"""Keyword arguments of a redis-py connection."""


class InvalidUrlError(ValueError):
    """Invalid URL. The message has the reason without the URL, which may have a password."""


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Parsed URL. `server` has the address unless `sentinels` know that of `master`, or `nodes` those of a cluster."""

    server: Options
    master: str = ""
    sentinels: tuple[Address, ...] = ()
    sentinel: Options = field(default_factory=dict)
    """Options of connections to sentinels, without the address."""
    nodes: tuple[Address, ...] = ()
    """Some nodes of a cluster, which name the others."""


def parse_store_url(url: str) -> StoreAddress:
    """Parse a URL. InvalidUrlError."""
    scheme, separator, _ = url.partition("://")
    if scheme not in SCHEMES or not separator:
        raise InvalidUrlError(f"must begin with {', '.join(f'{name}://' for name in SCHEMES[:-1])} or {SCHEMES[-1]}://")
    parts, hosts = _split(url)
    if scheme in SENTINEL_SCHEMES:
        address = _behind_sentinels(parts, hosts)
    else:
        address = _cluster(parts, hosts) if scheme in CLUSTER_SCHEMES else StoreAddress(_one_server(parts))
    _check_options(address.server)
    return address


def has_password(url: str) -> bool:
    """Whether the URL contains a password."""
    try:
        parts, _ = _split(url)
    except InvalidUrlError:
        return False
    return bool(parts.password) or not parse_qs(parts.query).keys().isdisjoint({"password", "sentinel_password"})


def _split(url: str) -> tuple[SplitResult, list[str]]:
    """The parts of a URL with its first host, and all hosts of a URL that lists them. InvalidUrlError.

    urlsplit supports one host; newer versions of Python reject an IPv6 address in a list.
    """
    match = HOSTS.match(url)
    if match is None:
        return _split_one(url), []
    hosts = match["hosts"].split(",")
    return _split_one(url[: match.start("hosts")] + hosts[0] + url[match.end("hosts") :]), hosts


def _split_one(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise InvalidUrlError("has an invalid host") from None


def _one_server(parts: SplitResult) -> Options:
    database = parts.path.strip("/")
    if parts.scheme == "unix":
        if not database:
            raise InvalidUrlError("requires a socket path: unix:///path/to/socket")
    elif not parts.hostname:
        raise InvalidUrlError(f"requires a host: {parts.scheme}://host:6379")
    elif database and not database.isdecimal():
        raise InvalidUrlError("must end in a database number")
    else:
        _check_port(parts)
    return _options(parts.geturl())


def _behind_sentinels(parts: SplitResult, hosts: Sequence[str]) -> StoreAddress:
    master = parts.path.strip("/")
    if not master or "/" in master:
        raise InvalidUrlError(f"must end in the sentinels' name of the master: {parts.scheme}://h1,h2,h3/name")
    options = _options_of_all(parts)
    server = {name: value for name, value in options.items() if name not in SENTINEL_OPTIONS}
    sentinel = {name: value for name, value in server.items() if name not in SERVER_OPTIONS}
    sentinel |= {SENTINEL_OPTIONS[name]: options[name] for name in SENTINEL_OPTIONS if name in options}
    example = f"sentinel without a host: {parts.scheme}://h1:26379,h2:26379,h3:26379/name"
    return StoreAddress(server, master, _addresses(hosts, SENTINEL_PORT, example), sentinel)


def _cluster(parts: SplitResult, hosts: Sequence[str]) -> StoreAddress:
    options = _options_of_all(parts)
    if parts.path.strip("/") not in ("", "0") or options.get("db"):
        raise InvalidUrlError(f"names a database, and a cluster has only 0: {parts.scheme}://h1,h2,h3")
    nodes = _addresses(hosts, SERVER_PORT, f"node without a host: {parts.scheme}://h1:6379,h2:6379,h3:6379")
    return StoreAddress({name: value for name, value in options.items() if name != "db"}, nodes=nodes)


def _addresses(hosts: Sequence[str], port: int, without_host: str) -> tuple[Address, ...]:
    """The addresses of a list; `without_host` says what a missing host is, with an example."""
    found = [_split_one(f"//{host_and_port}") for host_and_port in hosts]
    for parts in found:
        if not parts.hostname:
            raise InvalidUrlError(f"has a {without_host}")
        _check_port(parts)
    return tuple((parts.hostname or "", parts.port or port) for parts in found)


def _check_port(parts: SplitResult) -> None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise InvalidUrlError("has a port that is not a number from 1 to 65535")


def _options_of_all(parts: SplitResult) -> Options:
    """The options of a URL that lists hosts."""
    user, at, _ = parts.netloc.rpartition("@")
    return _options(f"{LIST_SCHEMES[parts.scheme]}://{user}{at}/?{parts.query}")


def _options(url: str) -> Options:
    try:
        return dict(parse_url(url))
    except ValueError as error:
        raise InvalidUrlError(str(error)) from None


def _check_options(options: Options) -> None:
    """Reject options that redis-py does not know, by creating a connection without opening it, and useless values."""
    for name, value in options.items():
        if name in OBJECT_OPTIONS and isinstance(value, str):
            raise InvalidUrlError(f"has an option that a URL cannot give: {name!r}")
        if name in TIME_OPTIONS and not 0 < value < inf:
            raise InvalidUrlError(f"has a {name} that is not a positive number of seconds")
    kind = options.get("connection_class", Connection)
    try:
        kind(**{name: value for name, value in options.items() if name != "connection_class"})
    except (TypeError, ValueError) as error:
        raise InvalidUrlError(f"has an unknown option: {str(error).rpartition('argument ')[2]}") from None
    except RedisError as error:
        raise InvalidUrlError(f"has an option with an invalid value: {error}") from None
