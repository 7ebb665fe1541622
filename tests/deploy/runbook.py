"""Commands of the runbook in docs/operations.md, as its text has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[2] / "docs/operations.md"
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```sh\n(?P<commands>.*?)^```$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """Fenced commands; `not_run` is the reason why no test runs them, or ''."""

    commands: str
    not_run: str


def sections() -> dict[str, list[Block]]:
    """Blocks by alert, in the order of the page; '' is what comes before the first."""
    runbook = PAGE.read_text(encoding="utf-8").partition("\n## Runbook\n")[2]
    first, *rest = re.split(r"^### (\w+)$", runbook, flags=re.MULTILINE)
    texts = {"": first, **dict(zip(rest[::2], rest[1::2], strict=True))}
    return {
        name: [Block(m["commands"], m["reason"] or "") for m in BLOCK.finditer(text)] for name, text in texts.items()
    }


SECTIONS = sections()
BLOCKS = [block for found in SECTIONS.values() for block in found]


def script(alert: str) -> str:
    """What an operator pastes for an alert: the definitions, then the section's commands."""
    return "".join(block.commands for name in ("", alert) for block in SECTIONS[name] if not block.not_run)
