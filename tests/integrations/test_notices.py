"""Log messages: one line each, whatever another side's text has."""

from __future__ import annotations

import logging

import pytest

from slta_integrations.notices import Notices

TEXT = "no such pod ä\n2026 ERROR forged\x1b[2J\x9b\u202e\ud800"
SHOWN = r"no such pod ä\n2026 ERROR forged\x1b[2J\x9b\u202e\ud800"


def test_what_cannot_be_printed_is_escaped(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    notices = Notices("agent")
    notices.tell(TEXT)
    notices.say("kind", TEXT)
    notices.over("kind", TEXT)
    assert caplog.messages == [SHOWN] * 3
