"""The proxies that the tests run on: one file and one row each."""

from __future__ import annotations

from tests.proxies.caddy import CADDY
from tests.proxies.envoy import ENVOY
from tests.proxies.haproxy import HAPROXY
from tests.proxies.nginx import NGINX
from tests.proxies.proxy import Proxy

PROXIES: dict[str, Proxy] = {proxy.name: proxy for proxy in (HAPROXY, NGINX, ENVOY, CADDY)}
