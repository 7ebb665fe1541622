"""Planted mistakes in how many replicas are waited for, and in what is deployed around the dispatcher."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import python

DURABILITY = "store/durability"

MUTANTS: dict[str, Mutant] = {
    "replicas beyond the configured number are not waited for": python(
        "store/replicas", "return max(self._configured, self._online)", "return self._configured", DURABILITY
    ),
    "a replica that joined is waited for by the next call only": python(
        "store/exchange", "if needed <= confirmed < replicas.needed:", "if False:", DURABILITY
    ),
    "a user that may not list replicas is asked again and again": python(
        "store/replicas", "self._may_ask = not is_forbidden(role)", "pass", DURABILITY
    ),
    "a replica that has left is waited for": python(
        "store/replicas", "self._online = online", "self._online = max(self._online, online)", DURABILITY
    ),
    "every list of replicas is logged": python(
        "store/replicas", "and online != self._online:", "and True:", DURABILITY
    ),
    "nobody counts replicas beyond the configured number": python(
        "process/dispatcher", "lambda: store.surplus_replicas", "lambda: 0", "process/serve_stores"
    ),
    "the unit's filter kills the process that predicts": Mutant(
        "deploy/systemd/slta.service",
        "SystemCallFilter=setpriority",
        "SystemCallFilter=getpriority",
        ("tests/deploy/test_systemd.py",),
    ),
    "clients of the proxy say who they are": Mutant(
        "deploy/haproxy/haproxy.cfg",
        "  http-request del-header X-Forwarded-For\n",
        "",
        ("tests/deploy/test_haproxy.py",),
    ),
    "the proxy does not say who asks": Mutant(
        "deploy/haproxy/haproxy.cfg", "  option forwardfor\n", "", ("tests/deploy/test_haproxy.py",)
    ),
    "the health check does not speak TLS": python("process/health", "if over_tls:", "if False:", "process/health"),
    "the health check asks this machine's first address": python(
        "process/health", "create_connection((host, port)", 'create_connection(("127.0.0.1", port)', "process/health"
    ),
    "the health check reads variables alone": python(
        "process/health", "if name in files else default", "if False else default", "process/health"
    ),
    "whatever answers is healthy": python(
        "process/health", 'answer.split()[1:2] == [b"200"]', "answer", "process/health"
    ),
}
