"""Compile the rules and the loop where numba is installed; run the same source in Python where it is not.

numba keys its cache on disk by what a closure holds, and a compiled function that a closure holds looks
different in every process: the rules of `service.core` would be compiled again each time. Here the key is a
digest of the sources instead, so a change of a rule is never answered by yesterday's machine code.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import service.core.policies

Compile = Callable[[Any], Any]

NO_NUMBA = "SLTA_EXPERIMENTS_WITHOUT_NUMBA"
"""Set to 1, this environment variable runs everything in plain Python."""

NO_REFERENCE_COUNTS = False
"""numba's `_nrt`: the loop allocates nothing, and counting references to its arrays costs 9/10 of its
time.
"""


@cache
def has_numba() -> bool:
    """Whether the loop runs compiled."""
    return os.environ.get(NO_NUMBA) != "1" and find_spec("numba") is not None


@cache
def sources_digest() -> str:
    """One name for the present text of the rules, the engine and the misreadings."""
    here = Path(__file__).parent
    folders = [Path(service.core.policies.__file__).parent, here]
    files = [file for folder in folders for file in sorted(folder.glob("*.py"))]
    text = b"\0".join(file.read_bytes() for file in [*files, here.parent / "misreadings.py"])
    return hashlib.sha256(text).hexdigest()


def identity(function: Any) -> Any:  # noqa: ANN401 - a function, compiled or not
    """Leave a function as it is."""
    return function


def inner() -> Compile:
    """The compiler of a function that compiled code calls: it is cached as a part of its caller."""
    if not has_numba():
        return identity
    numba = import_module("numba")
    return partial(numba.njit, forceinline=True, _nrt=NO_REFERENCE_COUNTS)


def outer(name: str) -> Compile:
    """The compiler of what Python calls, cached on disk under `name`, which stands for the functions
    inside.
    """
    if not has_numba():
        return identity
    numba: Any = import_module("numba")
    function_cache: Any = import_module("numba.core.caching").FunctionCache

    class SourceCache(function_cache):  # type: ignore[misc]
        def _index_key(self, sig: Any, codegen: Any) -> Any:  # noqa: ANN401 - numba's own
            return sig, codegen.magic_tuple(), name, sources_digest()

    def compile_cached(function: Any) -> Any:  # noqa: ANN401 - a function, compiled or not
        compiled = numba.njit(function, _nrt=NO_REFERENCE_COUNTS, error_model="numpy")
        compiled._cache = SourceCache(function)  # noqa: SLF001 - numba offers no other way to choose the key
        return compiled

    return compile_cached
