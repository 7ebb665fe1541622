"""Code metrics stay within their limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.code_metrics import (
    FUNCTION_LINES,
    Function,
    files,
    functions_of,
    long_modules,
    lua_functions,
    policy_namers,
    python_functions,
)

POLICY_NAMERS = {
    "service/slta/core/policies/__init__.py": "the table in Python",
    "service/slta/store/library.py": "the table in Lua is written from here",
    "service/slta/store/lua/policies/slta.lua": "the policy itself",
    "service/slta/store/lua/policies/slta_greedy.lua": "the policy itself",
    "service/slta/store/lua/policies/jlmu.lua": "the policy itself",
    "service/slta/store/lua/policies/observe.lua": "the policy itself, and whose rows it has",
    "service/slta/core/policies/observe.py": "its specification is one of another's",
    "service/slta/__init__.py": "the distribution has this name",
    "service/slta/cli/__main__.py": "the command has this name",
    "service/slta/metrics/definitions.py": "every metric begins with this name",
    "service/slta/runtime/tracing.py": "traces name the service",
    "deploy/grafana/dashboard.py": "the dashboard has this address",
}
"""Besides the policies and their tables, the service has the name of one of them."""


def all_functions() -> Iterator[Function]:
    for path in files(".py", ".lua"):
        yield from functions_of(path).values()


@pytest.mark.slow
def test_no_function_has_more_than_40_lines_of_code() -> None:
    assert [(f.file, f.name) for f in all_functions() if len(f.code) > FUNCTION_LINES] == []


def test_no_module_has_more_than_250_lines() -> None:
    assert long_modules() == {}


def test_only_the_tables_and_the_policies_themselves_name_a_policy() -> None:
    assert {file for file, _ in policy_namers()} == POLICY_NAMERS.keys()


def test_code_is_counted_without_comments_and_docstrings() -> None:
    [outer, inner] = python_functions(
        "file.py",
        '''def outer(given):
    """What it does."""
    if not given:  # nothing to do

        raise ValueError
    elif given == 2:
        return problem(
            given
        )
    else:
        given += 1

    def inner():
        # as is
        return f"""a
        b"""

    try:
        return inner()
    except OSError:
        pass
''',
    )

    assert outer.code == {1, 3, *range(5, 12), 13, 15, 16, *range(18, 22)}
    assert (inner.name, inner.code) == ("outer.inner", {13, 15, 16})


def test_lua_is_counted_likewise() -> None:
    [choose, read] = lua_functions(
        "file.lua",
        """local function choose(fleet)
  -- as is
  if fleet.full then
    return { 'FULL' }
  elseif not fleet.known then
    return nil, 'UNKNOWN'
  else
    fleet.count = 1
  end
  if fleet.old then
    return refusal
  end

  if fleet.ready then
    return 1
  end
end
function state.read() return 1
end
""",
    )

    assert choose.code == {1, *range(3, 13), 14, 15, 16, 17}
    assert (read.name, read.code) == ("state.read", {18, 19})
