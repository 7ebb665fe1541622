"""What a store's URL may say, and what is said of one that leads nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio import SSLConnection

from slta.store._client.url import InvalidUrlError, StoreAddress, has_password, parse_store_url


def test_one_server_is_what_redis_py_takes() -> None:
    place = parse_store_url("redis://anna:s3cret@localhost:7000/2?socket_timeout=3")
    assert place == StoreAddress(
        {"username": "anna", "password": "s3cret", "host": "localhost", "port": 7000, "db": 2, "socket_timeout": 3.0}
    )


def test_sentinels_are_a_list_and_the_password_is_for_the_servers() -> None:
    place = parse_store_url("redis+sentinel://anna:s%2Fcret@one:1,[::1]:2,three/main?db=3&health_check_interval=5")
    assert place.sentinels == (("one", 1), ("::1", 2), ("three", 26_379))
    assert place.master == "main"
    assert place.server == {"username": "anna", "password": "s/cret", "db": 3, "health_check_interval": 5}
    assert place.sentinel == {"health_check_interval": 5}


def test_sentinels_may_have_users_of_their_own() -> None:
    place = parse_store_url("redis+sentinel://:a@h/main?sentinel_username=ben&sentinel_password=b")
    assert place.server == {"password": "a"}
    assert place.sentinel == {"username": "ben", "password": "b"}


def test_nodes_of_a_cluster_are_a_list_of_servers_with_one_user_and_database_0() -> None:
    place = parse_store_url("redis+cluster://anna:s%2Fcret@one:1,[::1]:2,three/0?socket_timeout=3")
    assert place == StoreAddress(
        {"username": "anna", "password": "s/cret", "socket_timeout": 3.0},
        nodes=(("one", 1), ("::1", 2), ("three", 6379)),
    )
    assert parse_store_url("rediss+cluster://h").server == {"connection_class": SSLConnection}


def test_with_tls_the_sentinels_are_asked_over_tls_too() -> None:
    place = parse_store_url("rediss+sentinel://h/main?ssl_ca_certs=/ca.pem")
    expected: dict[str, Any] = {"connection_class": SSLConnection, "ssl_ca_certs": "/ca.pem"}
    assert (place.server, place.sentinel) == (expected, expected)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must begin with"),
        ("localhost:6379", "must begin with"),
        ("redis:localhost", "must begin with"),
        ("http://localhost", "must begin with"),
        ("redis://", "requires a host: redis://host:6379"),
        ("rediss://:s3cret@/0", "requires a host: rediss://host:6379"),
        ("redis://[s3cret", "has an invalid host"),
        ("redis://:s3cret@h:port", "has a port that is not a number from 1 to 65535"),
        ("redis://:s3cret@h:0", "has a port"),
        ("redis://:s3cret@h:65536", "has a port"),
        ("redis://:s3cret@h/main", "must end in a database number"),
        ("redis://:s3cret@h?db=main", "Invalid value for 'db' in connection URL"),
        ("redis://:s3cret@h?databse=1", "has an unknown option: 'databse'"),
        ("unix://", "requires a socket path"),
        ("redis+sentinel://:s3cret@h", "must end in the sentinels' name of the master"),
        ("redis+sentinel://:s3cret@h/main/0", "must end in the sentinels' name of the master"),
        ("redis+sentinel://:s3cret@h,,i/main", "has a sentinel without a host"),
        ("redis+sentinel://:s3cret@/main", "has a sentinel without a host"),
        ("redis+sentinel://:s3cret@[h/main", "has an invalid host"),
        ("redis+sentinel://:s3cret@h,[i/main", "has an invalid host"),
        ("redis+sentinel://:s3cret@h:port/main", "has a port"),
        ("redis+cluster://:s3cret@h,,i", "has a node without a host: redis+cluster://h1:6379"),
        ("rediss+cluster://:s3cret@", "has a node without a host: rediss+cluster://h1:6379"),
        ("redis+cluster://:s3cret@h:0,i", "has a port"),
        ("redis+cluster://:s3cret@h/1", "names a database, and a cluster has only 0: redis+cluster://h1,h2,h3"),
        ("redis+cluster://:s3cret@h?db=2", "names a database"),
        ("redis+cluster://:s3cret@h/main", "names a database"),
        ("redis+cluster://:s3cret@h?sentinel_password=x", "has an unknown option: 'sentinel_password'"),
        ("redis://:s3cret@h?retry=5", "has an option that a URL cannot give: 'retry'"),
        ("redis+cluster://:s3cret@h?connection_class=x", "has an option that a URL cannot give: 'connection_class'"),
        ("redis+sentinel://:s3cret@h/main?credential_provider=x", "has an option that a URL cannot give"),
        ("redis://:s3cret@h?protocol=9", "has an option with an invalid value: protocol must be either 2 or 3"),
        ("redis+cluster://:s3cret@h?socket_timeout=0", "has a socket_timeout that is not a positive number"),
        ("redis://:s3cret@h?socket_connect_timeout=nan", "has a socket_connect_timeout that is not a positive number"),
        ("redis+sentinel://:s3cret@h/main?sentinel_user=x", "has an unknown option: 'sentinel_user'"),
    ],
)
def test_what_leads_nowhere_is_told_without_the_password(url: str, why: str) -> None:
    with pytest.raises(InvalidUrlError) as invalid:
        parse_store_url(url)
    assert str(invalid.value).startswith(why)
    assert "s3cret" not in str(invalid.value)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("redis://anna:s3cret@h", True),
        ("redis+sentinel://:s3cret@h:1,i:2/main", True),
        ("redis+sentinel://:s3cret@h:1,[::1]:2/main", True),
        ("redis+cluster://:s3cret@h:1,[::1]:2", True),
        ("unix:///path?password=s3cret", True),
        ("redis+sentinel://h/main?sentinel_password=s3cret", True),
        ("redis://anna@h:6379/0", False),
        ("unix:///path", False),
        ("redis://[h", False),
    ],
)
def test_a_password_in_a_url_is_found(url: str, found: bool) -> None:
    assert has_password(url) is found
