import random

import pytest

from slta_client.replies import Reply
from slta_loadgen.retry import FinalReply, Retrying, RetryPolicy

DONE = Reply(201, "placed", {})
FULL = Reply(429, "no_capacity", {})
REFUSED = Reply(401, "unauthorized", {})
UNKNOWN = Reply(503, "outcome_unknown", {})
UNAVAILABLE = Reply(503, "store_unavailable", {})
UNREACHED = Reply(0, "unreachable", {})
SILENT = Reply(0, "timeout", {})
CUT = Reply(0, "disconnected", {})
PROXY = Reply(502, "http_502", {})
SLOW_DOWN = Reply(429, "rate_limited", {})

QUICK = RetryPolicy(attempts=3, first_delay_seconds=0.0)


async def ask(retrying: Retrying, *replies: Reply) -> tuple[FinalReply, int]:
    """The answer, and how many of the replies it took."""
    left = list(replies)

    async def send() -> Reply:
        return left.pop(0)

    return await retrying.answer(send), len(replies) - len(left)


def retrying(policy: RetryPolicy = QUICK) -> Retrying:
    return Retrying(policy, random.Random(1))


@pytest.mark.parametrize(
    ("replies", "expected", "calls", "in_doubt"),
    [
        *(([final, DONE], final, 1, False) for final in (DONE, FULL, REFUSED)),
        *(([other, other, DONE], DONE, 3, False) for other in (UNKNOWN, UNAVAILABLE, UNREACHED, SILENT, CUT, PROXY)),
        *(([other, other, other, DONE], other, 3, False) for other in (UNAVAILABLE, UNREACHED, SLOW_DOWN)),
        ([SLOW_DOWN, SLOW_DOWN, DONE], DONE, 3, False),
        ([SILENT, SILENT, CUT, DONE], CUT, 3, True),
        ([UNREACHED, UNKNOWN, UNREACHED], UNREACHED, 3, True),
    ],
)
async def test_what_is_not_final_is_asked_for_again_and_may_leave_a_doubt(
    replies: list[Reply], expected: Reply, calls: int, in_doubt: bool
) -> None:
    answer, taken = await ask(retrying(), *replies)
    assert (answer.reply, answer.retries, taken, answer.in_doubt) == (expected, calls - 1, calls, in_doubt)


async def test_retries_stay_within_a_tenth_of_the_calls_once_the_reserve_is_spent() -> None:
    shared = retrying(RetryPolicy(attempts=10, first_delay_seconds=0.0, budget_reserve=5.0))
    calls = [(await ask(shared, *[SILENT] * 10))[1] for _ in range(200)]

    # 5 in reserve and a tenth for each of the 200 calls, the first of which finds the reserve full already.
    assert sum(calls) - 200 == pytest.approx(5 + 0.1 * 199, abs=1)


def test_delays_are_jittered_below_a_doubling_bound() -> None:
    policy = RetryPolicy(first_delay_seconds=0.1, longest_delay_seconds=0.5)
    rng = random.Random(1)
    longest = [max(policy.delay_seconds(retry, rng) for _ in range(1_000)) for retry in range(5)]
    shortest = [min(policy.delay_seconds(retry, rng) for _ in range(1_000)) for retry in range(5)]

    # The largest of 1,000 uniform draws is within 2 % of the bound but for a chance of 2e-9.
    assert longest == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5], rel=0.02)
    assert max(shortest) < 0.02
