"""Terms that readers do not know, and what stands in their place: `python -m tests.docs.terms` looks for them.

It reads the prose of Markdown, which has the descriptions of metrics, the help of each command, the alerts and the
OpenAPI document.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import typer
import yaml

from slta.cli.commands import app
from tests.contract.document import openapi
from tests.docs.pages import PAGES, ROOT

INSTEAD = {
    r"(is|are|was|were|be) away": "is unreachable",
    r"st(and|ood|ands|anding) still": "is frozen, stops",
    r"hears?|heard": "receives, learns",
    r"(go|goes|went|going) on": "continues",
    r"mend(s|ed|ing)?": "fix",
    r"reckon\w*": "plan for, estimate",
    r"of (its|their|our) own(?! \w)": "separate, dedicated",
    r"puts? back": "restore",
    r"those which": "those that, or the noun",
    r"dear(er|est)": "more expensive",
    r"anew": "again, new",
    r"lets? go of": "release",
    r"(tell|tells|told) (\w+ )?apart": "distinguish",
    r"held against": "compared with",
    r"gets? (a)?round": "bypass",
    r"in vain": "without effect",
    r"for want of": "for lack of",
    r"sees? to (that|it)": "ensure",
    r"th(row|rows|rew|rown) (\w+ )?away": "discard, evict",
    r"as (is|are) (its|their)": "and so is",
    r"all the same": "nevertheless",
    r"at the latest": "within",
}
"""By a regular expression on words."""
TERM = re.compile("|".join(rf"\b({term})\b" for term in INSTEAD), re.IGNORECASE)
CODE = re.compile(r"`[^`]*`|\{\{.*?\}\}|\]\([^)]*\)")


def texts() -> Iterator[tuple[str, str]]:
    """Where a text stands, and the text."""
    yield from ((str(page), page.prose) for page in PAGES)
    yield from (("help of slta", text) for text in helps(typer.main.get_command(app)))
    alerts = yaml.safe_load((ROOT / "deploy/prometheus/source/alerts.yml").read_text(encoding="utf-8"))
    yield from (("alerts", text) for text in described(alerts))
    yield from (("OpenAPI", text) for text in described(openapi()))


def helps(command: Any) -> Iterator[str]:
    """Help of a command, its parameters and its subcommands."""
    yield command.help or ""
    yield from (parameter.help for parameter in command.params if getattr(parameter, "help", None))
    for one in subcommands(command).values():
        yield from helps(one)


def subcommands(command: Any) -> dict[str, Any]:
    """Commands of a group by name, imported; none of a command."""
    if not hasattr(command, "list_commands"):
        return {}
    context = command.make_context("slta", ["--help"], resilient_parsing=True)
    return {name: command.resolve_command(context, [name])[1] for name in command.list_commands(context)}


def described(value: Any) -> Iterator[str]:
    """Texts for people in a document."""
    if isinstance(value, list):
        for one in value:
            yield from described(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            is_text = key in ("summary", "description", "action") and isinstance(one, str)
            yield from [one] if is_text else described(one)


def found() -> Iterator[tuple[str, str]]:
    """Where a term stands, and the term."""
    for place, text in texts():
        yield from ((place, match[0].lower()) for match in TERM.finditer(" ".join(CODE.sub(" ", text).split())))


def instead(term: str) -> str:
    """What stands in place of a term."""
    return next(words for pattern, words in INSTEAD.items() if re.fullmatch(pattern, term))


def main() -> int:
    """Print the terms; 1 if there is any."""
    terms = list(found())
    for place, term in terms:
        print(f"{place}: {term!r}, rather: {instead(term)}")
    return 1 if terms else 0


if __name__ == "__main__":
    sys.exit(main())
