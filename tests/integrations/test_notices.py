"""Log messages: one line each, whatever another side's text has."""

from __future__ import annotations

import pytest

from slta_integrations.notices import Notices


def test_what_cannot_be_printed_is_escaped(caplog: pytest.LogCaptureFixture) -> None:
    Notices("agent").say("kind", "no pod ä\n2026 ERROR forged\x1b[2J\x9b\u202e\ud800")
    assert caplog.messages == [r"no pod ä\n2026 ERROR forged\x1b[2J\x9b\u202e\ud800"]
