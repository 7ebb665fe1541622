"""Each operator changes what it says, and nothing that changes nothing."""

from __future__ import annotations

import pytest

from tests.inventory import each
from tests.mutants.operators import OPERATORS, mutations

LUA = "function f(a, b) -- a < b\n  if a <= 2 then g(a + 1, b, b) end\n  return a ~= b and true\nend\n"
PYTHON = '''
def f(a: int, b: int) -> bool:
    """Returns a < 1."""
    a += 2 if a is not b else 3
    g(a, b, key=b)
    return a != b
'''
EXPECTED = {
    ("comparison", ".lua"): ["<= → <", "~= → =="],
    ("arithmetic", ".lua"): ["+ → -"],
    ("constant", ".lua"): ["2 → (2 + 1)", "1 → (1 + 1)", "true → false"],
    ("condition", ".lua"): ["a <= 2 → (not (a <= 2))"],
    ("statement", ".lua"): ["g(a + 1, b, b) → nothing", "return a ~= b and true → nothing"],
    ("arguments", ".lua"): ["a + 1, b → b, a + 1"],
    ("comparison", ".py"): ["is not → is", "!= → =="],
    ("arithmetic", ".py"): ["+= → -="],
    ("constant", ".py"): ["2 → (2 + 1)", "3 → (3 + 1)"],
    ("condition", ".py"): ["a is not b → (not (a is not b))"],
    ("statement", ".py"): ["a += 2 if a is not b else 3 → pass", "g(a, b, key=b) → pass", "return a != b → pass"],
    ("arguments", ".py"): ["a, b → b, a"],
}
"""The mutations of both texts, in order; none is in a comment, a docstring, an annotation or a parameter."""


@each("operator", OPERATORS)
def test_an_operator_changes_what_it_says(operator: str) -> None:
    for suffix, text in ((".lua", LUA), (".py", PYTHON)):
        found = [
            str(m).split(f"{operator}: ")[1] for m in mutations(f"f{suffix}", text.encode()) if m.operator == operator
        ]
        assert found == EXPECTED[operator, suffix]


def test_a_mutation_replaces_its_span() -> None:
    [mutation] = [m for m in mutations("f.lua", LUA.encode()) if m.operator == "arguments"]
    assert LUA[: mutation.start] + mutation.after + LUA[mutation.end :] == LUA.replace("g(a + 1, b,", "g(b, a + 1,")


@pytest.mark.parametrize(
    ("file", "call", "swapped"),
    [
        ("f.lua", "redis.call('SADD', key, a, b)", ["'SADD', key → key, 'SADD'", "key, a → a, key"]),
        ("f.lua", "math.max(a, b)", []),
        ("f.py", "max(a, b, key=c)", []),
        ("f.py", "first.union(a, b)", []),
        ("f.py", "pair(x=a, y=b)", []),
        ("f.py", "pair(a, b)", ["a, b → b, a"]),
    ],
)
def test_arguments_are_not_swapped_where_the_order_says_nothing(file: str, call: str, swapped: list[str]) -> None:
    found = [str(m).split("arguments: ")[1] for m in mutations(file, call.encode()) if m.operator == "arguments"]
    assert found == swapped
