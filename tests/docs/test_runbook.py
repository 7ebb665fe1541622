"""docs/runbook.md knows every kind of error of the store."""

from __future__ import annotations

import ast
import inspect

from slta.store._client import failures
from tests.docs.pages import ROOT, Page, rows, words

PAGE = Page(ROOT / "docs/runbook.md")


def kinds() -> set[str]:
    """The kinds that an error of the client library is sorted into."""
    tree = ast.parse(inspect.getsource(failures.classify))
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Failure"
    ]
    said = {text.value for call in calls for text in ast.walk(call.args[0]) if isinstance(text, ast.Constant)}
    in_words = {kind for kind in said if isinstance(kind, str)}
    in_words |= set(failures.AMBIGUOUS_ERROR_KINDS.values())
    return {*in_words, "other"} | {beginning.split()[-1].lower() for beginning in failures.REFUSING_ERRORS}


def test_the_runbook_has_every_kind_of_error_that_the_store_counts() -> None:
    assert {kind for cells in rows(PAGE.section("SltaStoreErrors")) for kind in words(cells[0])} == kinds()
