"""The proxies that the tests run on: one file and one row each."""

from __future__ import annotations

from testbed.proxies.caddy import CADDY
from testbed.proxies.envoy import ENVOY
from testbed.proxies.haproxy import HAPROXY
from testbed.proxies.nginx import NGINX
from testbed.proxies.proxy import Proxy

PROXIES: dict[str, Proxy] = {proxy.name: proxy for proxy in (HAPROXY, NGINX, ENVOY, CADDY)}
