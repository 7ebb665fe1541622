"""The runbook's commands can be pasted: each alert has some, bash reads them, and all but a few are run by a test."""

from __future__ import annotations

import subprocess

from tests.deploy.runbook import BLOCKS, PAGE, SECTIONS
from tests.inventory import each

ALERTS = [name for name in SECTIONS if name]
MOST_NOT_RUN = 5


@each("alert", ALERTS)
def test_an_alert_s_section_has_commands(alert: str) -> None:
    assert SECTIONS[alert]


@each("block", BLOCKS)
def test_bash_reads_the_commands(block: tuple[str, str]) -> None:
    read = subprocess.run(["bash", "-n"], input=block[0], capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def test_few_commands_are_not_run_and_each_has_a_reason() -> None:
    assert sum(bool(block.not_run) for block in BLOCKS) <= MOST_NOT_RUN


def test_no_fence_of_the_runbook_is_overlooked() -> None:
    runbook = PAGE.read_text(encoding="utf-8").partition("\n## Runbook\n")[2]
    assert runbook.count("```") == 2 * len(BLOCKS)
