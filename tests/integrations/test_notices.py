"""Log messages: one line each, whatever another side's text has."""

from __future__ import annotations

import pytest

from slta.cli.error_messages import UserError
from slta_client.replies import Reply
from slta_integrations.errors import checked
from slta_integrations.notices import Notices


def test_what_cannot_be_printed_is_escaped_in_logs_and_errors(caplog: pytest.LogCaptureFixture) -> None:
    said = "no pod ä\n2026 ERROR forged\x1b[2J\x9b\u202e\ud800"
    Notices("agent").say("kind", said)
    escaped = r"no pod ä\n2026 ERROR forged\x1b[2J\x9b\u202e\ud800"
    with pytest.raises(UserError) as error:
        checked(Reply(409, "changed", {"detail": said}))
    assert [*caplog.messages, str(error.value)] == [escaped, f"changed: {escaped}"]
