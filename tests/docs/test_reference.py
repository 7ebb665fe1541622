"""What is made from the code stands in the pages as the code says."""

from __future__ import annotations

from slta.metrics.readings import MAX_OLDER, MAX_WAIT_SECONDS, OLD_SECONDS
from tests.docs.pages import PAGES, ROOT, Page
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


def test_the_page_of_metrics_says_how_long_a_scrape_waits() -> None:
    text = " ".join(Page(ROOT / "docs/metrics.md").prose.split())
    waits = (MAX_WAIT_SECONDS, 2 * MAX_WAIT_SECONDS, OLD_SECONDS)
    assert "at most {:g} s for it, or {:g} s if the last complete reading is over {:g} s old".format(*waits) in text
    assert f"while {MAX_OLDER} older ones are still being sent" in text
