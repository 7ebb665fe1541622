"""The worked cases of docs/curves.md, and the fleets in `examples` with fitted curves, the same on every machine.

`python -m tests.planning.curves_page --write` puts what `slta fit` prints, its figures and curves where they belong.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from typer.testing import CliRunner

from slta_planning.fit.command import app
from slta_planning.fit.fitting import FitTask, fit_class
from slta_planning.fit.fleet import fitted_classes as classes_of
from slta_planning.fit.fleet import fleet_file
from tests.docs.pages import ROOT, Page
from tests.planning.page import write
from tests.planning.worked_cases import CASES, worked_case, write_case

PAGE = Page(ROOT / "docs/curves.md")
SHOWN = {"games": "games", "refused": "playable"}
"""Examples whose text the page shows, and their cases."""
DRAWN = ("games", "video", "inference")
"""Cases whose figure the page shows."""
FLEETS = {
    "gaming": ("games", {"one-card": 60, "two-cards": 40}),
    "transcoding": ("video", {"software": 70, "hardware": 30}),
    "inference": ("inference", {"small": 60, "large": 40}),
}
"""Examples with fitted curves: the worked case, and pools by class."""


def fitted(case: str, folder: Path, *options: str) -> str:
    """What `slta fit` prints for a worked case."""
    return CliRunner().invoke(app, [str(write_case(case, folder)), *options]).stdout


def excerpt(case: str, folder: Path) -> str:
    """What the page shows of a worked case: of several classes the heading and the first, of one the last line."""
    _, *later = CASES[case]
    text = fitted(case, folder)
    return text.partition(f"\n{later[0]}: ")[0] if later else text.rpartition("\n\n")[2]


def fitted_classes(fleet: str) -> str:
    """The classes of an example fleet, with the curves that are fitted to the samples of its worked case."""
    case, pools = FLEETS[fleet]
    fits = [fit_class(name, samples, FitTask()) for name, samples in worked_case(case)]
    return fleet_file(classes_of(fits, pools)).partition("classes:\n")[2]


def write_example(fleet: str) -> None:
    """Put the curves below what the file says of them."""
    path = ROOT / f"examples/{fleet}.yaml"
    head, line, _ = path.read_text(encoding="utf-8").partition("classes:\n")
    path.write_text(head + line + fitted_classes(fleet), encoding="utf-8")


def main() -> None:
    """Write the page, its figures and the examples."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(PAGE, {shown: excerpt(case, folder) for shown, case in SHOWN.items()})
        for case in DRAWN:
            fitted(case, folder, "--figure", str(folder / "curves"))
            shutil.copy(folder / "curves.png", ROOT / f"docs/images/curves-{case}.png")
    for fleet in FLEETS:
        write_example(fleet)


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    main()
