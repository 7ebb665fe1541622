"""Store URL: the address of one server, or of the sentinels that know the master."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from redis.asyncio.connection import Connection, parse_url

SENTINEL_PORT = 26_379
SENTINEL_SCHEMES = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
SCHEMES = ("redis", "rediss", "unix", *SENTINEL_SCHEMES)
SENTINEL_OPTIONS = {"sentinel_username": "username", "sentinel_password": "password"}
"""URL options for the sentinels, if they have users of their own, and their names in redis-py."""
SERVER_OPTIONS = frozenset({"username", "password", "db"})
"""Options that are not passed to the sentinels."""

SENTINEL_HOSTS = re.compile(rf"(?:{'|'.join(map(re.escape, SENTINEL_SCHEMES))})://(?:[^/?#]*@)?(?P<hosts>[^/?#]*)")
"""Matches the list of hosts of a sentinel URL."""

Address = tuple[str, int]
Options = Mapping[str, Any]
"""Keyword arguments of a redis-py connection."""


class InvalidUrlError(ValueError):
    """Invalid URL. The message has the reason without the URL, which may have a password."""


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Parsed URL. `server` has the address unless there are `sentinels`, which know that of `master`."""

    server: Options
    master: str = ""
    sentinels: tuple[Address, ...] = ()
    sentinel: Options = field(default_factory=dict)
    """Options of connections to sentinels, without the address."""


def parse(url: str) -> StoreAddress:
    """Parse a URL. InvalidUrlError."""
    scheme, separator, _ = url.partition("://")
    if scheme not in SCHEMES or not separator:
        raise InvalidUrlError("must begin with redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://")
    parts, hosts = _split(url)
    address = _behind_sentinels(parts, hosts) if scheme in SENTINEL_SCHEMES else StoreAddress(_one_server(parts))
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
    """The parts of a URL with its first host, and all hosts of a sentinel URL. InvalidUrlError.

    urlsplit supports one host; newer versions of Python reject an IPv6 address in a list.
    """
    match = SENTINEL_HOSTS.match(url)
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
    user, at, _ = parts.netloc.rpartition("@")
    master = parts.path.strip("/")
    if not master or "/" in master:
        raise InvalidUrlError(f"must end in the sentinels' name of the master: {parts.scheme}://h1,h2,h3/name")
    options = _options(f"{SENTINEL_SCHEMES[parts.scheme]}://{user}{at}/?{parts.query}")
    server = {name: value for name, value in options.items() if name not in SENTINEL_OPTIONS}
    sentinel = {name: value for name, value in server.items() if name not in SERVER_OPTIONS}
    sentinel |= {SENTINEL_OPTIONS[name]: options[name] for name in SENTINEL_OPTIONS if name in options}
    return StoreAddress(server, master, tuple(map(_sentinel, hosts)), sentinel)


def _sentinel(host_and_port: str) -> Address:
    parts = _split_one(f"//{host_and_port}")
    if not parts.hostname:
        raise InvalidUrlError("has a sentinel without a host: redis+sentinel://h1:26379,h2:26379,h3:26379/name")
    _check_port(parts)
    return parts.hostname, parts.port or SENTINEL_PORT


def _check_port(parts: SplitResult) -> None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise InvalidUrlError("has a port that is not a number from 1 to 65535")


def _options(url: str) -> Options:
    try:
        return dict(parse_url(url))
    except ValueError as error:
        raise InvalidUrlError(str(error)) from None


def _check_options(options: Options) -> None:
    """Reject options that redis-py does not know, by creating a connection without opening it."""
    kind = options.get("connection_class", Connection)
    try:
        kind(**{name: value for name, value in options.items() if name != "connection_class"})
    except (TypeError, ValueError) as error:
        raise InvalidUrlError(f"has an unknown option: {str(error).rpartition('argument ')[2]}") from None
