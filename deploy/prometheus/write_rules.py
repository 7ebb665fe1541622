"""The rules as Prometheus reads them, made of the files in `source`: `python -m deploy.prometheus.write_rules`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.identity import grouping
from deploy.objective import WINDOWS, with_objective

SPANS = {"15m": 900, "1h": 3600, "6h": 21_600, "1d": 86_400}
"""Windows over which a fleet's placement may be judged, in seconds."""
REPEATED = {"objective.yml": WINDOWS, "usual.yml": SPANS}
"""Files whose groups are written once for each span."""

FOLDER = Path(__file__).parent
HEAD = "# Written by `make format`: change deploy/prometheus/source/{} instead.\n"


def written() -> Iterator[tuple[Path, str]]:
    """Each file of rules and what it must hold."""
    for source in sorted((FOLDER / "source").glob("*.yml")):
        text = with_objective(grouping(source.read_text(encoding="utf-8")))
        text = for_each_span(text, REPEATED[source.name]) if source.name in REPEATED else text
        yield FOLDER / "rules" / source.name, HEAD.format(source.name) + text


def for_each_span(text: str, spans: Mapping[str, int]) -> str:
    """The groups once for each span, the shortest first."""
    head, title, groups = text.partition("groups:\n")
    shorter = [0, *spans.values()]
    return (
        head
        + title
        + "\n".join(
            groups.replace("SPAN", span).replace("SECONDS", str(seconds)).replace("SHORTER", str(before))
            for (span, seconds), before in zip(spans.items(), shorter, strict=False)
        )
    )


if __name__ == "__main__":
    for path, text in written():
        path.write_text(text, encoding="utf-8")
