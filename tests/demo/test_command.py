"""The command line of a demonstration."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from slta_demo.cli import app
from slta_demo.options import EXAMPLES
from slta_demo.run import Demonstration


def test_shares_may_be_given_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    fleet = [str(EXAMPLES / "media.yaml")]
    result = CliRunner().invoke(app, [*fleet, "--session-types", "audio=1", "--session-types", "video=1"])
    words = " ".join((result.output + "".join(capsys.readouterr())).split())
    assert "unknown audio, video; known: default, call, stream, chat" in words
    assert result.exit_code


def test_figures_for_standard_output_have_it_for_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(*_: object) -> None:
        typer.echo("played")

    monkeypatch.setattr(Demonstration, "_play", play)
    result = CliRunner().invoke(app, ["--json", "-"])
    assert json.loads(result.stdout)["fleet"] == "saturating"
    assert result.stderr.startswith("played\n\n")
