"""The forms of a store's URL: one server, or the sentinels that know the master."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from redis.asyncio.connection import Connection, parse_url

SENTINEL_PORT = 26_379
BEHIND_SENTINELS = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
SCHEMES = ("redis", "rediss", "unix", *BEHIND_SENTINELS)
OF_SENTINELS = {"sentinel_username": "username", "sentinel_password": "password"}
"""Options of the URL that are meant for the sentinels, where they have users of their own."""
OF_SERVERS = frozenset({"username", "password", "db"})
"""What is not meant for them."""

HOSTS = re.compile(rf"(?:{'|'.join(map(re.escape, BEHIND_SENTINELS))})://(?:[^/?#]*@)?(?P<hosts>[^/?#]*)")
"""Where a URL may name several."""

Address = tuple[str, int]
Options = Mapping[str, Any]
"""Of a connection, as redis-py takes them."""


class InvalidUrl(ValueError):
    """The URL leads nowhere. The message says why; it does not hold the URL, which may have a password."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL says. Without sentinels `server` has the address, else they are asked for that of `master`."""

    server: Options
    master: str = ""
    sentinels: tuple[Address, ...] = ()
    sentinel: Options = field(default_factory=dict)
    """Options of a connection to a sentinel, but its address."""


def parse(url: str) -> Place:
    """What the URL says. InvalidUrl."""
    scheme, separator, _ = url.partition("://")
    if scheme not in SCHEMES or not separator:
        raise InvalidUrl("must begin with redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://")
    parts, hosts = _split(url)
    place = _behind_sentinels(parts, hosts) if scheme in BEHIND_SENTINELS else Place(_one_server(parts))
    _check_options(place.server)
    return place


def has_password(url: str) -> bool:
    """Whether anybody who reads the URL knows a password."""
    try:
        parts, _ = _split(url)
    except InvalidUrl:
        return False
    return bool(parts.password) or not parse_qs(parts.query).keys().isdisjoint({"password", "sentinel_password"})


def _split(url: str) -> tuple[SplitResult, list[str]]:
    """The parts of a URL, and all hosts: of several the parts have the first. InvalidUrl.

    urlsplit knows one host. Newer versions of Python refuse an IPv6 address among several.
    """
    found = HOSTS.match(url)
    if found is None:
        return _split_one(url), []
    hosts = found["hosts"].split(",")
    return _split_one(url[: found.start("hosts")] + hosts[0] + url[found.end("hosts") :]), hosts


def _split_one(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise InvalidUrl("has a host that is none") from None


def _one_server(parts: SplitResult) -> Options:
    database = parts.path.strip("/")
    if parts.scheme == "unix":
        if not database:
            raise InvalidUrl("names no socket, as unix:///path/to/socket does")
    elif not parts.hostname:
        raise InvalidUrl(f"names no host, as {parts.scheme}://host:6379 does")
    elif database and not database.isdecimal():
        raise InvalidUrl("ends in something that is not the number of a database")
    else:
        _check_port(parts)
    return _options(parts.geturl())


def _behind_sentinels(parts: SplitResult, hosts: Sequence[str]) -> Place:
    user, at, _ = parts.netloc.rpartition("@")
    master = parts.path.strip("/")
    if not master or "/" in master:
        raise InvalidUrl(f"must end in the name that the sentinels give the master: {parts.scheme}://h1,h2,h3/name")
    options = _options(f"{BEHIND_SENTINELS[parts.scheme]}://{user}{at}/?{parts.query}")
    server = {name: value for name, value in options.items() if name not in OF_SENTINELS}
    sentinel = {name: value for name, value in server.items() if name not in OF_SERVERS}
    sentinel |= {OF_SENTINELS[name]: options[name] for name in OF_SENTINELS if name in options}
    return Place(server, master, tuple(map(_sentinel, hosts)), sentinel)


def _sentinel(host_and_port: str) -> Address:
    parts = _split_one(f"//{host_and_port}")
    if not parts.hostname:
        raise InvalidUrl("names a sentinel without a host: redis+sentinel://h1:26379,h2:26379,h3:26379/name")
    _check_port(parts)
    return parts.hostname, parts.port or SENTINEL_PORT


def _check_port(parts: SplitResult) -> None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise InvalidUrl("has a port that is not a number from 1 to 65535")


def _options(url: str) -> Options:
    try:
        return dict(parse_url(url))
    except ValueError as error:
        raise InvalidUrl(str(error)) from None


def _check_options(options: Options) -> None:
    """A connection, never opened, takes the options or says which it does not know."""
    kind = options.get("connection_class", Connection)
    try:
        kind(**{name: value for name, value in options.items() if name != "connection_class"})
    except (TypeError, ValueError) as error:
        raise InvalidUrl(f"has an option that is none: {str(error).rpartition('argument ')[2]}") from None
