"""A link of the documents leads somewhere."""

from __future__ import annotations

from tests.docs.pages import PAGES, Page
from tests.inventory import each

LINKS = [(page, link) for page in PAGES for link in page.links if "://" not in link]


@each(("page", "link"), LINKS)
def test_a_relative_link_leads_to_a_file_and_its_fragment_to_a_heading(page: Page, link: str) -> None:
    path, _, fragment = link.partition("#")
    target = Page((page.path.parent / path).resolve()) if path else page
    assert target.path.exists(), f"{page} links to {path}, which does not exist"
    if fragment:
        assert fragment in target.anchors, f"{page} links to #{fragment}, which {target} does not have"


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [page for page in PAGES if str(page) == "README.md"]
    while waiting:
        page = waiting.pop()
        if page.path in reached:
            continue
        reached.add(page.path)
        targets = [(page.path.parent / link.partition("#")[0]).resolve() for link in page.links if "://" not in link]
        waiting += [Page(target) for target in targets if target.suffix == ".md"]
    assert {str(page) for page in PAGES if page.path not in reached} == set()
