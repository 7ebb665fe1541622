"""Log messages: one line each, whatever another side's text has."""

from __future__ import annotations

import pytest

from slta_integrations.errors import UnusableError
from slta_integrations.notices import Notices


def test_what_cannot_be_printed_is_escaped(caplog: pytest.LogCaptureFixture) -> None:
    said = "no pod ä\n2026 ERROR forged\x1b[2J\x9b\u202e\ud800"
    Notices("agent").say("kind", said)
    assert [*caplog.messages, str(UnusableError(said))] == 2 * [r"no pod ä\n2026 ERROR forged\x1b[2J\x9b\u202e\ud800"]
