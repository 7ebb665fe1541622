"""Code metrics stay within their limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import code_metrics
from tests.code_metrics import FUNCTION_LINES, ROOT, Function, files, functions_of, policy_namers

POLICY_NAMERS = {
    "service/slta/core/policies/__init__.py": "the table in Python",
    "service/slta/core/policies/auto.py": "the choice of one",
    "service/slta/store/library.py": "the table in Lua is written from here",
    "service/slta/store/lua/policies/slta.lua": "the policy itself",
    "service/slta/store/lua/policies/slta_greedy.lua": "the policy itself",
    "service/slta/store/lua/policies/jlmu.lua": "the policy itself",
    "service/slta/store/lua/policies/observe.lua": "the policy itself, and whose rows it has",
    "service/slta/core/policies/observe.py": "its specification is one of another's",
    "service/slta/__init__.py": "the distribution has this name",
    "service/slta/cli/__main__.py": "the command has this name",
    "service/slta/metrics/definitions.py": "every metric begins with this name",
    "service/slta/runtime/spans.py": "traces name the service",
    "deploy/grafana/dashboard.py": "the dashboard has this address",
    "clients/python/slta_client/session.py": "the dispatcher has this name, besides its fallback",
    "deploy/proxies/envoy/slta.lua": "Envoy names its cluster and its metadata so",
}
"""Besides the policies and their tables, the service has the name of one of them."""


def all_functions() -> Iterator[Function]:
    for path in files(".py", ".lua"):
        yield from functions_of(path).values()


@pytest.mark.slow
def test_no_function_has_more_than_40_lines_of_code() -> None:
    assert [(f.file, f.name) for f in all_functions() if len(f.code) > FUNCTION_LINES] == []


def test_only_the_tables_and_the_policies_themselves_name_a_policy() -> None:
    assert {file for file, _ in policy_namers()} == POLICY_NAMERS.keys()


def test_each_subject_has_files() -> None:
    paths = [*files(".py", ".lua", ".js"), *(ROOT / "tests").rglob("*.py")]
    assert {code_metrics.subject_of(str(path.relative_to(ROOT))) for path in paths} >= code_metrics.SUBJECTS.keys()
