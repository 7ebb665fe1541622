"""Each decision says what was chosen, over what, why, and when to decide anew, in few words; a table lists them all."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT, Page, rows
from tests.inventory import each

DECISIONS = Page(ROOT / "docs/maintainers/decisions.md")
TITLES = re.findall(r"^## (.+)$", DECISIONS.text, re.MULTILINE)
PARTS = ["Decision", "Over", "Because", "Reconsider when"]


@each("title", TITLES)
def test_a_decision_has_its_four_parts_in_few_words(title: str) -> None:
    section = DECISIONS.section(title)
    assert re.findall(r"^- ([A-Z][a-z ]+):", section, re.MULTILINE) == PARTS
    assert len(section.split()) <= 105


def test_the_table_lists_each_decision_with_its_date() -> None:
    table = rows(DECISIONS.text)
    assert [re.sub(r"\[(.*)\]\(.*\)", r"\1", cells[0]) for cells in table] == TITLES
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", cells[2]) for cells in table)
