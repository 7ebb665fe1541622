"""What is made from the code stands in the pages as the code says."""

from __future__ import annotations

from tests.docs.pages import PAGES, Page
from tests.inventory import each
from tests.reference.pages import MADE, MAKERS, filled

PARTS = [(page, part[2]) for page in PAGES for part in MADE.finditer(page.text)]


@each("page", dict.fromkeys(page for page, _ in PARTS))
def test_a_part_that_is_made_from_the_code_is_what_the_code_says(page: Page) -> None:
    assert page.text == filled(page.text), "make format"


def test_no_page_escapes_a_bracket_by_a_backslash_which_the_site_does_not_know() -> None:
    assert [str(page) for page in PAGES if r"\<" in page.prose] == []


def test_each_part_stands_in_one_page() -> None:
    assert sorted(name for _, name in PARTS) == sorted(MAKERS)
