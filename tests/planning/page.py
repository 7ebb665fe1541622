"""The worked example of docs/evaluate.md: a log that is the same on every machine, and what the command says of it.

`python -m tests.planning.page --write` puts the output and the figure where they belong.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from typer.testing import CliRunner

from planning.evaluate.command import app
from tests.docs.pages import ROOT, Page
from tests.planning.recorded import FLEET, least_connections, write_csv

PAGE = Page(ROOT / "docs/evaluate.md")
IMAGE = ROOT / "docs/images/evaluate.png"
MARKED = re.compile(r"(<!-- example: evaluate -->\n```text\n).*?(^```$)", re.MULTILINE | re.DOTALL)
SECONDS = 14_400


def example(folder: Path) -> str:
    """What the command prints for the log, which it finds in `folder`; the figure is left there."""
    (folder / "arena.yaml").write_text(FLEET, encoding="utf-8")
    log = write_csv(least_connections(SECONDS), folder / "arena.csv")
    options = [str(log), "--fleet", str(folder / "arena.yaml"), "--figure", str(folder / "evaluate")]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    return result.stdout


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder:
        text = example(Path(folder))
        shutil.copy(Path(folder) / "evaluate.png", IMAGE)
    PAGE.path.write_text(MARKED.sub(lambda found: found[1] + text + found[2], PAGE.text), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    main()
