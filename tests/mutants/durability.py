"""Planted mistakes in how many replicas are waited for, and in what is deployed around the dispatcher."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import python

DURABILITY = "store/durability"

MUTANTS: dict[str, Mutant] = {
    "replicas beyond the configured number are not waited for": python(
        "store/client/replicas", "return max(self._configured, self._online)", "return self._configured", DURABILITY
    ),
    "a replica that joined is waited for by the next call only": python(
        "store/client/pipeline", "if needed <= confirmed < replicas.needed:", "if False:", DURABILITY
    ),
    "a user that may not list replicas is asked again and again": python(
        "store/client/replicas", "self._may_list = not is_forbidden(role)", "pass", DURABILITY
    ),
    "a replica that has left is waited for": python(
        "store/client/replicas", "self._online = online", "self._online = max(self._online, online)", DURABILITY
    ),
    "every list of replicas is logged": python(
        "store/client/replicas", "and online != self._online:", "and True:", DURABILITY
    ),
    "nobody counts replicas beyond the configured number": python(
        "runtime/bootstrap", "lambda: store.surplus_replicas", "lambda: 0", "runtime/serve_stores"
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
    "the health check does not speak TLS": python(
        "runtime/health_check", "if over_tls:", "if False:", "runtime/health_check"
    ),
    "the health check asks this machine's first address": python(
        "runtime/health_check",
        "create_connection((host, port)",
        'create_connection(("127.0.0.1", port)',
        "runtime/health_check",
    ),
    "the health check reads variables alone": python(
        "runtime/health_check", "if name in files else default", "if False else default", "runtime/health_check"
    ),
    "whatever answers is healthy": python(
        "runtime/health_check", 'status_line.split()[1:2] == [b"200"]', "status_line", "runtime/health_check"
    ),
}
