"""Words of the documents by page, without code blocks, table rules and numbers: `python -m tests.docs.words`."""

from __future__ import annotations

import re
import subprocess
from collections import Counter

from tests.docs.pages import ROOT, Page

LIMITS = {"users": 34_000, "maintainers": 16_000, "generated": 8_000}
GROUPS = {
    "generated": r"docs/(cli|metrics)\.md",
    "maintainers": r"CONTRIBUTING\.md|docs/maintainers/.*|lab/.*|.*\.template",
}
"""By a regular expression on paths; what has none is for users."""


def group_of(name: str) -> str:
    """For whom a page is, or that nobody wrote it."""
    return next((group for group, pattern in GROUPS.items() if re.fullmatch(pattern, name)), "users")


def words_of(page: Page) -> int:
    """Words with a letter outside of code blocks."""
    return sum(bool(re.search(r"[^\W\d]", word)) for word in page.prose.split())


def main() -> None:
    """Print the words by page and by group, with the limits."""
    command = ["git", "ls-files", "*.md", "*.template"]
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    pages = {name: words_of(Page(ROOT / name)) for name in tracked}
    sums: Counter[str] = Counter()
    for name, count in sorted(pages.items(), key=lambda item: -item[1]):
        sums[group_of(name)] += count
        print(f"{count:7,} {name}")
    for group, limit in LIMITS.items():
        print(f"{sums[group]:7,} of {limit:,}: {group}")


if __name__ == "__main__":
    main()
