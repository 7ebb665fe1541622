"""The command line of a demonstration."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from slta_demo.cli import app
from slta_demo.options import EXAMPLES


def test_shares_may_be_given_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    fleet = [str(EXAMPLES / "media.yaml")]
    result = CliRunner().invoke(app, [*fleet, "--session-types", "audio=1", "--session-types", "video=1"])
    words = " ".join((result.output + "".join(capsys.readouterr())).split())
    assert "unknown audio, video; known: default, call, stream, chat" in words
    assert result.exit_code
