"""Words of the documents by page, without code blocks, table rules and numbers: `python -m tests.docs.words`."""

from __future__ import annotations

import re
import subprocess
from collections import Counter

from tests.docs.pages import ROOT, Page
from tests.reference.pages import MADE

LIMITS = {"users": 34_000, "maintainers": 16_000, "generated": 8_000}
MAINTAINERS = re.compile(r"CONTRIBUTING\.md|docs/maintainers/.*|lab/.*|.*\.template")
"""Paths of pages for maintainers; others are for users."""


def words_of(page: Page) -> Counter[str]:
    """Words with a letter outside of code blocks, by group."""
    generated, whole = (
        sum(bool(re.search(r"[^\W\d]", word)) for word in text.split())
        for text in (" ".join(part[0] for part in MADE.finditer(page.prose)), page.prose)
    )
    group = "maintainers" if MAINTAINERS.fullmatch(str(page)) else "users"
    return Counter({group: whole - generated, "generated": generated})


def words_by_page() -> dict[str, Counter[str]]:
    """Words by group of each tracked page."""
    command = ["git", "ls-files", "*.md", "*.template"]
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return {name: words_of(Page(ROOT / name)) for name in tracked}


def main() -> None:
    """Print the words by hand and generated of each page, and by group with the limits."""
    pages = words_by_page()
    sums = sum(pages.values(), Counter[str]())
    for name, counts in sorted(pages.items(), key=lambda item: -item[1].total()):
        print(f"{counts.total() - counts['generated']:7,}{counts['generated']:7,} {name}")
    for group, limit in LIMITS.items():
        print(f"{sums[group]:7,} of {limit:,}: {group}")


if __name__ == "__main__":
    main()
