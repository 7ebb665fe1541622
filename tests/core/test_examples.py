"""The examples in the docstrings of `slta.core` are run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import slta.core

MODULES = [importlib.import_module(found.name) for found in pkgutil.walk_packages(slta.core.__path__, "slta.core.")]
WITH_EXAMPLES = [module for module in MODULES if ">>> " in inspect.getsource(module)]


@pytest.mark.parametrize("module", WITH_EXAMPLES, ids=lambda module: module.__name__)
def test_python_answers_what_the_example_says(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


READ_FIRST = ["gaps", "optimum", "ranking", "utility", "policies.jlmu", "policies.slta", "policies.slta_greedy"]


@pytest.mark.parametrize("name", READ_FIRST)
def test_what_newcomers_read_has_an_example(name: str) -> None:
    assert f"slta.core.{name}" in [module.__name__ for module in WITH_EXAMPLES]
