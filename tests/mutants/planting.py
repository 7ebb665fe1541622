"""Planted mistakes: a row names a function or a key of a file and the words there that become wrong.

They are for what `operators` cannot change (deploy, dashboard) and for what was once a defect.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.mutants.copies import ROOT
from tests.mutants.operators import Mutation

FOLDERS = (
    *("service/slta/store/", "service/slta/", "clients/python/slta_client/", "integrations/slta_integrations/"),
    "",
)
"""Begins of a file's name that a row leaves out."""
DEFINED = r"(async def |def |class |local function |function |local |- |@)?"
"""Words before a name that is defined in a line, which is preferred to others that begin with the name."""


class Mutant(NamedTuple):
    """Within `where`, the words `right`, which are there once, become `wrong`; one of `tests` must then fail.

    `where` is what a line begins with, or several as `Class > method`, each within the lines that are indented below
    the one before; "" is the whole file.
    """

    file: str
    where: str
    right: str
    wrong: str
    tests: tuple[str, ...]


def row(file: str, where: str, right: str, wrong: str, *tests: str) -> Mutant:
    """Of tests `tests/`, `test_` and `.py` are left out; without any: those that are asked of any mutation."""
    file = next(folder for folder in FOLDERS if (ROOT / folder / file).exists()) + file
    parts = (test.partition("::") for test in tests)
    named = (f"tests/{'/test_'.join(name.rsplit('/', 1))}.py{colons}{case}" for name, colons, case in parts)
    return Mutant(file, where, right, wrong, tuple(named))


def mutation(mutant: Mutant) -> Mutation:
    """The change of the file. ValueError unless the words are there once."""
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    start, end = block(text, mutant.where)
    if (times := text.count(mutant.right, start, end)) != 1:
        raise ValueError(f"{times} times in {mutant.where!r}: {mutant}")
    at = text.index(mutant.right, start)
    begin = len(text[:at].encode())
    span = begin, begin + len(mutant.right.encode())
    return Mutation(mutant.file, "planted", text.count("\n", 0, at) + 1, *span, mutant.right, mutant.wrong)


def block(text: str, where: str) -> tuple[int, int]:
    """Where the lines of a function or below a key are. ValueError unless there is one."""
    start, end = 0, len(text)
    for step in where.split(" > ") if where else ():
        begins = re.compile(rf"^([ \t]*){DEFINED}{re.escape(step)}(?!\w).*", re.MULTILINE)
        lines = list(begins.finditer(text, start, end))
        found = [line for line in lines if line[2]] or lines
        if len(found) != 1:
            raise ValueError(f"{len(found)} times: {step}")
        after = re.compile(rf"^(?!{found[0][1]}[ \t)\]}}]|[ \t]*$)", re.MULTILINE).search(text, found[0].end(), end)
        start, end = found[0].start(), after.start() if after else end
    return start, end
