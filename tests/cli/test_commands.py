"""The command line reads well, starts fast, and tells mistakes in one line."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slta import release
from slta.cli.commands import PARTS, app

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("aiohttp", "fastapi", "matplotlib", "numba", "numpy", "prometheus_client", "pydantic", "redis", "uvicorn")


def slta(*arguments: str, before: str = "pass", **environment: str) -> subprocess.CompletedProcess[str]:
    """The real command, in a process of its own; `before` runs first."""
    command = [sys.executable, "-c", f"import sys; {before}; from slta.cli.__main__ import main; main()", *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def help_of(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}, prog_name="slta")
    assert result.exit_code == 0, result.output
    return result.output


def test_the_first_page_names_every_command_and_what_it_does() -> None:
    page = help_of()
    for name in ("serve", "demo", *PARTS):
        assert name in page
    assert "shows how far from the proven optimum it is" in page


def completed(line: str) -> list[str]:
    """What bash completes the last word of a line to."""
    done = slta(_SLTA_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(line.split()) - 1))
    return done.stdout.split()


def test_the_command_and_its_options_complete_in_the_shell() -> None:
    assert completed("slta ex") == ["experiments"]
    assert completed("slta evaluate --for") == ["--format"]


def test_help_needs_none_of_the_parts() -> None:
    shown = slta("--help", before="import atexit; atexit.register(lambda: print('LOADED', *sys.modules))")
    assert shown.returncode == 0
    loaded = shown.stdout.rpartition("LOADED")[2].split()
    assert not set(HEAVY) & set(loaded)


@pytest.mark.parametrize("command", [name for name, part in PARTS.items() if part.needs])
def test_without_an_extra_one_sentence_says_how_to_install_it(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, extra = PARTS[command].needs[-1], PARTS[command].extra
    monkeypatch.setitem(sys.modules, module, None)
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 2
    assert result.stderr == (
        f"slta: `slta {command}` requires {module} from the extra {extra}: "
        f"pip install 'slta-{release()}-py3-none-any.whl[{extra}]' (in a checkout: make setup)\n"
    )


def test_several_missing_modules_are_enumerated() -> None:
    result = slta("plan", before="sys.modules.update(matplotlib=None, numpy=None, scipy=None)")
    assert result.stderr.startswith("slta: `slta plan` requires matplotlib, numpy and scipy from the extra planning: ")


@pytest.mark.parametrize("command", [name for name, part in PARTS.items() if part.needs])
def test_a_part_needs_modules_of_the_extra_that_it_names(command: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    wanted = " ".join([*extras[PARTS[command].extra], *extras["planning"]])
    assert [module for module in PARTS[command].needs if module not in wanted] == []


def test_the_version_is_the_distribution_s() -> None:
    assert slta("--version").stdout == f"slta {release()}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "nowhere.yaml"], "nowhere.yaml: No such file or directory"),
        (["demo", "--load-per-pool", "many"], "--load-per-pool must be a number, a swing (5..12) or a profile"),
        (["demo", "--load-per-pool", "0"], "has no arrivals"),
        (["demo", "--mean-holding", "0"], "'--mean-holding': must be above 0"),
        (["demo", "--duration", "1x"], "'--duration': '1x' is no duration such as 90s, 10m"),
        (["demo", "--warm-up", "60"], "--warm-up must end before the arrivals do"),
        (["demo", "--pools", "0"], "--pools must be at least 1"),
        (["demo", "--trace", "nowhere.csv"], "nowhere.csv: No such file or directory"),
        (["demo", "--json", "nowhere/out.json"], "'--json': no such directory: nowhere"),
        (["sreve"], "No such command 'sreve'. Did you mean 'serve'?"),
        (
            ["serve", "--log-level", "x"],
            "Invalid value for '--log-level': 'x' is not one of 'debug', 'info', 'warning', ",
        ),
        (["serve", "--port", "65536"], "port: Input should be less than or equal to 65535"),
    ],
)
def test_a_mistake_is_one_line(arguments: Sequence[str], message: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("slta: ")
    assert message in line


def test_a_trace_that_cannot_be_replayed_is_refused_with_its_line(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("start_s,duration_s\n1,1\nlater,1\n")
    result = CliRunner().invoke(app, ["demo", "--trace", str(trace)])
    assert result.exit_code == 2
    assert f"{trace}, line 3" in result.stderr
