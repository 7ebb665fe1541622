"""Each decision says when it was made, over what, why, what it costs, and what would be a reason to decide anew."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT, Page
from tests.inventory import each

DECISIONS = Page(ROOT / "docs/decisions.md")
PARTS = ["Date", "Decision", "Over", "Why", "Cost", "Reconsider when"]


@each("title", re.findall(r"^## (.+)$", DECISIONS.text, re.MULTILINE))
def test_a_decision_has_a_date_and_a_reason_to_reconsider(title: str) -> None:
    section = DECISIONS.section(title)
    assert re.findall(r"^- ([A-Z][a-z ]+):", section, re.MULTILINE) == PARTS
    assert re.search(r"^- Date: 20\d\d-\d\d-\d\d$", section, re.MULTILINE)
