"""Optional compilation of the event loop and its functions by numba; without numba the same source runs in Python.

The engine's functions and the rules of `slta.core` are plain Python. `inner` marks a function that compiled code
calls; `outer` compiles one that Python calls.

numba's disk cache is keyed by the source of the outer function only. Ours is keyed by a digest of all sources, so that
a changed rule invalidates it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import slta.core.policies
import slta.core.session_types

Function = TypeVar("Function", bound=Callable[..., Any])

NO_REFERENCE_COUNTS = False
"""numba's `_nrt`: the loop allocates nothing, and counting references to its arrays takes 9/10 of its time."""


@cache
def has_numba() -> bool:
    """Whether the loop runs compiled."""
    return find_spec("numba") is not None


@cache
def sources_digest() -> str:
    """Digest of the sources of rules, engine and misreadings."""
    here = Path(__file__).parent
    policies, session_types = Path(slta.core.policies.__file__).parent, Path(slta.core.session_types.__file__).parent
    files = [file for folder in (policies, session_types, here) for file in sorted(folder.glob("*.py"))]
    text = b"\0".join(file.read_bytes() for file in [*files, here.parent / "misreadings.py"])
    return hashlib.sha256(text).hexdigest()


def inner(function: Function) -> Function:
    """Mark `function` as callable from compiled code; Python still sees the original."""
    if has_numba():
        register: Any = import_module("numba.extending").register_jitable
        register(forceinline=True, _nrt=NO_REFERENCE_COUNTS)(function)
    return function


def outer(function: Function, name: str) -> Function:
    """Compile `function`, cached on disk under `name`, which identifies the functions it calls."""
    if not has_numba():
        return function
    numba: Any = import_module("numba")
    function_cache: Any = import_module("numba.core.caching").FunctionCache

    class SourceCache(function_cache):  # type: ignore[misc]
        def _index_key(self, sig: Any, codegen: Any) -> Any:  # noqa: ANN401 - numba's own
            return sig, codegen.magic_tuple(), name, sources_digest()

    compiled = numba.njit(function, _nrt=NO_REFERENCE_COUNTS, error_model="numpy")
    compiled._cache = SourceCache(function)  # noqa: SLF001 - numba offers no other way to choose the key
    return compiled  # type: ignore[no-any-return]
