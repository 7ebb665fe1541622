"""Words of the documents by page, without code, table rules and numbers: `python -m tests.docs.words`."""

from __future__ import annotations

import re
import subprocess
from collections import Counter

from tests.docs.pages import ROOT, Page
from tests.reference.pages import MADE

LIMITS = {"users": 34_000, "maintainers": 16_000, "generated": 8_000}
OBJECTS = "objects"
"""Made part that repeats the descriptions of the OpenAPI document: a group of its own, without a limit."""
COMMENT = re.compile(r" // (.*)")
MAINTAINERS = re.compile(r"CONTRIBUTING\.md|docs/maintainers/.*|lab/.*|.*\.template")
"""Paths of pages for maintainers; others are for users."""


def words_of(page: Page) -> Counter[str]:
    """Words with a letter outside of code blocks, by group; comments in what is made from the code count too."""
    by_hand = "maintainers" if MAINTAINERS.fullmatch(str(page)) else "users"
    counts = Counter({by_hand: count(MADE.sub("", page.prose))})
    for text, words in ((page.prose, str), (page.text, comments)):
        for part in MADE.finditer(text):
            counts[OBJECTS if part[2] == OBJECTS else "generated"] += count(words(part[0]))
    return counts


def comments(text: str) -> str:
    """What stands after `//` in code blocks."""
    return " ".join(COMMENT.findall(text))


def count(text: str) -> int:
    """Words with a letter."""
    return sum(bool(re.search(r"[^\W\d]", word)) for word in text.split())


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
        made = counts["generated"] + counts[OBJECTS]
        print(f"{counts.total() - made:7,}{made:7,} {name}")
    for group, number in sums.items():
        print(f"{number:7,} of {LIMITS.get(group, number):,}: {group}")


if __name__ == "__main__":
    main()
