"""The rules as Prometheus reads them, made of the files in `source`: `python -m deploy.prometheus.write_rules`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deploy.identity import grouping

SPANS = {"15m": 900, "1h": 3600, "6h": 21_600, "1d": 86_400}
"""Windows over which a fleet's placement may be judged, in seconds."""
OF_EACH_SPAN = "usual.yml"

FOLDER = Path(__file__).parent
HEAD = "# Written by `make format`: change deploy/prometheus/source/{} instead.\n"


def written() -> Iterator[tuple[Path, str]]:
    """Each file of rules and what it must hold."""
    for source in sorted((FOLDER / "source").glob("*.yml")):
        text = grouping(source.read_text(encoding="utf-8"))
        text = for_each_span(text) if source.name == OF_EACH_SPAN else text
        yield FOLDER / "rules" / source.name, HEAD.format(source.name) + text


def for_each_span(text: str) -> str:
    """The groups once for each span, the shortest first."""
    head, title, groups = text.partition("groups:\n")
    shorter = [0, *SPANS.values()]
    return (
        head
        + title
        + "\n".join(
            groups.replace("SPAN", span).replace("SECONDS", str(seconds)).replace("SHORTER", str(before))
            for (span, seconds), before in zip(SPANS.items(), shorter, strict=False)
        )
    )


if __name__ == "__main__":
    for path, text in written():
        path.write_text(text, encoding="utf-8")
