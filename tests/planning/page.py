"""The worked examples of docs/evaluate.md and docs/plan.md, the same on every machine.

`python -m tests.planning.page --write` puts what the commands print, and the figure, where they belong.
`python -m tests.planning.page FOLDER` writes the files that the examples read into a folder, which it creates.
"""

from __future__ import annotations

import io
import re
import shlex
import shutil
import sys
import tempfile
from contextlib import chdir, redirect_stdout
from pathlib import Path

from typer.testing import CliRunner

from slta_planning.check.command import app as check
from slta_planning.evaluate.command import app
from slta_planning.plan.command import app as plan
from tests.docs.pages import ROOT, Page
from tests.planning.recorded import FLEET, least_connections, write_csv

PAGE = Page(ROOT / "docs/evaluate.md")
IMAGE = ROOT / "docs/images/evaluate.png"
PLAN_PAGE = Page(ROOT / "docs/plan.md")
MARKED = re.compile(r"(<!-- example: ([a-z]+) -->\n```text\n).*?(^```$)", re.MULTILINE | re.DOTALL)
SECONDS = 14_400
PLANS = {"plan": 2, "types": 3}
"""Examples of plans, each with the number of the page's block that has its call."""


def write_files(folder: Path) -> list[Path]:
    """What the examples read: the log, the fleet and the day."""
    folder.mkdir(parents=True, exist_ok=True)
    fleet, day = folder / "arena.yaml", folder / "day.csv"
    fleet.write_text(FLEET, encoding="utf-8")
    day.write_text(PLAN_PAGE.blocks("csv")[0], encoding="utf-8")
    return [write_csv(least_connections(SECONDS), folder / "arena.csv"), fleet, day]


def example(folder: Path) -> str:
    """What the command prints for the log, which it finds in `folder`; the figure is left there."""
    log, fleet, _ = write_files(folder)
    options = [str(log), str(fleet), "--figure", str(folder / "evaluate")]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    return result.stdout


def from_python() -> str:
    """What the page's Python prints in the folder of the example's files."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder), redirect_stdout(io.StringIO()) as out:
        write_files(Path())
        exec(PAGE.blocks("python")[0], {})  # noqa: S102 - our own page
    return out.getvalue()


MISTAKEN = """\
fleet: arena
retention_second: 600
classes:
  - {name: linear, utility: {kind: linear, slope: 1}, capacity: 60, pools: 6}
  - {name: saturating, utility: {kind: capped_linear, slop: 1.5, cap: 20}, capacity: 40, pools: 3}
"""


def checked(name: str, text: str) -> str:
    """What `slta check` prints for a file of this name in the folder it is called in."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path(name).write_text(text, encoding="utf-8")
        return CliRunner().invoke(check, [name]).output


def planned(block: int) -> str:
    """What `slta plan` prints for the call in a block of the page, with the page's own day or examples/media.yaml."""
    call = next(line for line in PLAN_PAGE.blocks("sh")[block].replace("\\\n", " ").splitlines())
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        write_files(Path())
        shutil.copytree(ROOT / "examples", Path("examples"), ignore=lambda *_: ["client"])
        return CliRunner().invoke(plan, shlex.split(call)[2:]).output


def shown(page: Page, name: str) -> str:
    """What a page shows as the example of this name."""
    return next(found[0] for found in MARKED.finditer(page.text) if found[2] == name)


def write(page: Page, outputs: dict[str, str]) -> None:
    """Put outputs where their names are marked."""
    text = MARKED.sub(lambda found: found[1] + outputs[found[2]] + found[3], page.text)
    page.path.write_text(text, encoding="utf-8")


def main() -> None:
    """Write the pages."""
    with tempfile.TemporaryDirectory() as folder:
        text = example(Path(folder))
        shutil.copy(Path(folder) / "evaluate.png", IMAGE)
    write(PAGE, {"evaluate": text, "python": from_python()})
    checks = {"valid": checked("arena.yaml", FLEET), "mistaken": checked("arena.yaml", MISTAKEN)}
    write(PLAN_PAGE, checks | {name: planned(block) for name, block in PLANS.items()})


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--write"]:
            main()
        case [folder] if not folder.startswith("-"):
            for written in write_files(Path(folder)):
                print(f"wrote {written}")
        case _:
            sys.exit(__doc__)
