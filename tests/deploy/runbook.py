"""Commands of the runbook in docs/runbook.md, as its text has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[2] / "docs/runbook.md"
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```sh\n(?P<commands>.*?)^```$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """Fenced commands; `not_run` is the reason why no test runs them, or ''."""

    commands: str
    not_run: str


def sections() -> dict[str, list[Block]]:
    """Blocks by alert, in the order of the page; '' is what comes before the first."""
    first, *rest = re.split(r"^### (\w+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    texts = {"": first, **dict(zip(rest[::2], rest[1::2], strict=True))}
    return {
        name: [Block(m["commands"], m["reason"] or "") for m in BLOCK.finditer(text)] for name, text in texts.items()
    }


SECTIONS = sections()
BLOCKS = [block for found in SECTIONS.values() for block in found]


CHANGES = re.compile(
    r"-X (?:POST|PUT|DELETE|PATCH)\b|--repair\b|--cluster fix|\bconfig set\b|\bfunction delete\b|\bacl load\b"
    r"|\bdocker (?:compose )?(?:up|restart|stop|start|rm|down|kill)\b|\bsystemctl (?:re)?start\b"
    r"|\bslta (?:fleet apply|pool (?:drain|undrain|fail|add|remove|end-guard)|session end)\b"
    r"|\bkubectl (?:scale|delete|apply|patch|rollout)\b"
)
"""A command that changes something."""
DEFINITION = re.compile(r"^(\w+)\(\) [{(](.*?)(?:^|; | )[})]$\n", re.MULTILINE | re.DOTALL)


def changing(block: Block) -> list[bool]:
    """Of each command, with what `&&` or a pipe joins to it, whether it changes something. Definitions are none."""
    acts = [name for name, body in DEFINITION.findall(block.commands) if CHANGES.search(body)]
    joined = re.sub(r"(&&|\||\\) *\n\s*", r"\1 ", DEFINITION.sub("", block.commands))
    return [bool(CHANGES.search(line)) or line.split()[0] in acts for line in joined.splitlines()]


def script(alert: str) -> str:
    """What an operator pastes for an alert: the definitions, then the section's commands."""
    return "".join(block.commands for name in ("", alert) for block in SECTIONS[name] if not block.not_run)
