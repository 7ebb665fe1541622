"""docs/cli.md is that of the commands."""

from __future__ import annotations

from tests.docs.cli_page import page
from tests.docs.pages import ROOT


def test_the_page_of_the_command_line_is_fresh() -> None:
    assert (ROOT / "docs/cli.md").read_text(encoding="utf-8") == page(), "run make format"
