"""Mixes of session types: shares, swings, and what is sent."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import asdict
from itertools import islice

import pytest
from typer.testing import CliRunner

from slta_client.replies import Reply
from slta_loadgen.cli import app
from slta_loadgen.client import Client
from slta_loadgen.holding import Exponential
from slta_loadgen.plan import Plan
from slta_loadgen.type_mix import InvalidMixError, mixed, parse_mix
from slta_loadgen.workload import PlannedSession


def test_sessions_have_the_types_in_their_shares() -> None:
    plan = Plan(holding=Exponential(10.0), rate=10, session_types=parse_mix("video=1,chat=3"))
    found = Counter(one.session_type for one in islice(plan.workload(1), 4000))
    assert found["video"] + found["chat"] == 4000
    assert found["video"] == pytest.approx(1000, abs=5 * (4000 * 3 / 16) ** 0.5)


def test_a_mix_changes_neither_arrivals_nor_durations() -> None:
    plain = Plan(holding=Exponential(10.0), rate=10)
    typed = Plan(holding=Exponential(10.0), rate=10, session_types=parse_mix("video=1,chat=3"))
    assert [one._replace(session_type=None) for one in islice(typed.workload(1), 50)] == list(
        islice(plain.workload(1), 50)
    )


def test_shares_swing_in_turn() -> None:
    """Of two types the second is half a period behind: at a quarter 1.5 to 0.5, at three quarters 0.5 to 1.5."""
    mix = parse_mix("video=1,chat=1", "0.5@100")
    assert mix.shares_at(25) == pytest.approx([1.5, 0.5])
    assert mix.shares_at(75) == pytest.approx([0.5, 1.5])
    late = mixed([PlannedSession(75.0, 1.0)] * 2000, mix, random.Random(1))
    assert Counter(one.session_type for one in late)["video"] == pytest.approx(500, abs=100)


@pytest.mark.parametrize("text", ["video", "video=", "video=1,video=2", "video=0", "video=-1", "", "a b=1"])
def test_an_invalid_mix_is_refused(text: str) -> None:
    with pytest.raises(InvalidMixError):
        parse_mix(text)


@pytest.mark.parametrize("swing", ["1", "2@10", "0.5@0", "0.5@", "x@10"])
def test_an_invalid_swing_is_refused(swing: str) -> None:
    with pytest.raises(InvalidMixError):
        parse_mix("video=1", swing)


class Sent(Client):
    """Keeps bodies instead of sending them."""

    async def ask(self, call: str, body: bytes, written: object = None) -> Reply:  # noqa: ARG002 - as in Client
        self.body = body
        return Reply(201, "", {"pool_id": "a-1", "lease_seconds": 1})


async def test_the_type_is_sent_with_the_assign_and_absent_without_one() -> None:
    client = Sent("http://localhost", "f")
    await client.assign("s-1", None, None, "video")
    assert client.body == b'{"session_id": "s-1", "session_type": "video"}'
    await client.assign("s-1")
    assert client.body == b'{"session_id": "s-1"}'


def test_swings_of_no_types_are_a_usage_error() -> None:
    answer = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}).invoke(
        app, ["run", "--load-per-pool", "1", "--swing-types", "0.5@10"]
    )
    assert answer.exit_code == 2
    assert "--swing-types needs --session-types" in answer.output


def test_a_mix_can_be_written_as_json() -> None:
    plan = Plan(holding=Exponential(10.0), rate=10, session_types=parse_mix("video=1"))
    assert '"shares": [["video", 1.0]]' in json.dumps(asdict(plan), allow_nan=False)
