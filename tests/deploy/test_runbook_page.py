"""The runbook's commands can be pasted: each alert has some, bash reads them, and all but a few are run by a test."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from tests.deploy.runbook import BLOCKS, PAGE, SECTIONS, Block, changing
from tests.inventory import each

ALERTS = [name for name in SECTIONS if name]
MOST_NOT_RUN = 5


@each("alert", ALERTS)
def test_an_alert_s_section_has_commands(alert: str) -> None:
    assert SECTIONS[alert]


@each("alert", ["SltaPlacementGap", "SltaEstimateFarFromOptimum"])
def test_what_damage_may_have_caused_begins_with_the_audit(alert: str) -> None:
    assert SECTIONS[alert][0].commands.startswith("audit ")


@each("block", BLOCKS)
def test_bash_reads_the_commands(block: tuple[str, str]) -> None:
    read = subprocess.run(["bash", "-n"], input=block[0], capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def line_of(beginning: str) -> str:
    """The last line of the runbook's commands that begins with these words."""
    return [line for block in BLOCKS for line in block.commands.splitlines() if line.startswith(beginning)][-1]


def test_the_search_for_errors_finds_those_of_the_log() -> None:
    logged = "logs.configure('info', 'json'); log = structlog.get_logger(); log.info('fine'); log.error('broken')"
    code = f"import structlog; from slta.runtime import logs; {logged}"
    searched = f'logs() {{ "{sys.executable}" -c "{code}" 2>&1; }}; {line_of("logs --since 15m dispatcher | grep -E")}'
    found = subprocess.run(["bash", "-c", searched], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [json.loads(line)["event"] for line in found] == ["broken"]


def test_on_a_host_the_store_s_password_is_not_an_argument_of_redis_cli() -> None:
    stub = 'redis-cli() { echo "${REDISCLI_AUTH:--}" "$@"; }'
    for store, seen in {
        "rediss://someone:secret@host:1/0": "secret --user someone -u rediss://host:1/0 ping",
        "redis://:secret@host": "secret -u redis://host ping",
        "redis://127.0.0.1:6379": "- -u redis://127.0.0.1:6379 ping",
    }.items():
        lines = (stub, f"store={store}", line_of("address="), line_of("user="), line_of("redis() "), "redis ping")
        shown = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True, check=True).stdout
        assert shown == f"{seen}\n"


def test_of_a_scrape_target_the_whole_error_is_shown() -> None:
    answer = r'{"scrapeUrl":"http://a/m","lastError":"Get \"http://a/m\": dial tcp: refused","x":"y"}'
    commands = "\n".join((f"curl() {{ echo '{answer}'; }}", line_of("targets() "), "targets"))
    shown = subprocess.run(["bash", "-c", commands], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ['"scrapeUrl":"http://a/m"', r'"lastError":"Get \"http://a/m\": dial tcp: refused"']


@each("block", BLOCKS)
def test_a_block_that_changes_something_begins_with_that(block: Block) -> None:
    """Who pastes evidence ends nothing; what depends on evidence is joined to it."""
    assert True not in changing(block)[1:], block.commands


def test_changes_are_recognized() -> None:
    assert changing(Block("evidence\napi -X POST x\n", "")) == [False, True]
    assert sum(any(changing(block)) for block in BLOCKS) > 15


def test_queries_keep_installations_apart() -> None:
    asked = [line for block in BLOCKS for line in block.commands.splitlines() if line.startswith("ask '")]
    assert [line for line in asked for labels in re.findall(r"\b(?:by|on) \(([^)]*)", line)
            if not labels.startswith("INSTALLATION")] == []  # fmt: skip


def test_few_commands_are_not_run_and_each_has_a_reason() -> None:
    assert sum(bool(block.not_run) for block in BLOCKS) <= MOST_NOT_RUN


def test_no_fence_of_the_runbook_is_overlooked() -> None:
    assert PAGE.read_text(encoding="utf-8").count("```") == 2 * len(BLOCKS)
