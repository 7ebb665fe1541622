import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest

from slta_client.replies import Reply, outcomes
from slta_loadgen.bulk import BulkClient
from slta_loadgen.replay import Drain, Replay, ReplaySettings
from slta_loadgen.retry import Retrying, RetryPolicy
from slta_loadgen.workload import PlannedSession
from tests.loadgen.standin import DROP_AFTER, DROP_BEFORE, Fault, StandIn

QUICK = RetryPolicy(first_delay_seconds=0.001, longest_delay_seconds=0.001, settle_every_seconds=0.01)
LONG = 1_000.0


@asynccontextmanager
async def bulk_client(service: StandIn, most_operations: int = 100) -> AsyncIterator[BulkClient]:
    async with service.serving() as url, BulkClient(url, "default", most_operations=most_operations) as client:
        yield client


async def replayed(client: BulkClient, workload: Sequence[PlannedSession], drain: Drain = Drain.SCHEDULE) -> Replay:
    replay = Replay(client, workload, ReplaySettings(retries=QUICK, drain=drain))
    await replay.run()
    return replay


async def test_what_is_due_together_goes_in_one_call_and_each_has_its_own_answer(service: StandIn) -> None:
    async with bulk_client(service) as client:
        await client.assign("old")
        replies = await asyncio.gather(client.assign("new"), client.assign("old"), client.complete("stranger"))

    assert service.operations_per_call == [1, 3]
    found = [(reply.status, reply.code) for reply in replies]
    assert found == [(201, "placed"), (200, "replayed"), (404, "unknown_session")]


async def test_a_call_has_at_most_so_many_operations_and_keeps_their_order(service: StandIn) -> None:
    service.open_gate.clear()
    async with bulk_client(service, most_operations=4) as client:
        calls = [asyncio.create_task(client.assign(f"s-{k}")) for k in range(10)]
        await service.has_received(8)
        assert service.operations_per_call == [4, 4]
        service.open_gate.set()
        await asyncio.gather(*calls)

    assert service.operations_per_call == [4, 4, 2]
    assert [session_id for _, session_id in service.requests[8:]] == ["s-8", "s-9"]


async def test_what_comes_while_a_call_is_under_way_goes_with_the_next(service: StandIn) -> None:
    service.open_gate.clear()
    async with bulk_client(service) as client:
        first = asyncio.create_task(client.assign("s-1"))
        await service.has_received(1)
        others = [asyncio.create_task(client.assign(f"s-{k}")) for k in (2, 3)]
        service.open_gate.set()
        await asyncio.gather(first, *others)

    assert service.operations_per_call == [1, 2]


async def test_the_moment_of_writing_is_that_of_the_call_that_carries_it(service: StandIn) -> None:
    written: list[str] = []
    service.open_gate.clear()
    async with bulk_client(service) as client:
        first = asyncio.create_task(client.assign("s-1", written=lambda: written.append("first")))
        await service.has_received(1)
        second = asyncio.create_task(client.assign("s-2", written=lambda: written.append("second")))
        await asyncio.sleep(0)
        assert written == ["first"]
        service.open_gate.set()
        await asyncio.gather(first, second)

    assert written == ["first", "second"]


async def test_a_replay_in_bulk_places_and_completes_every_session(service: StandIn) -> None:
    service.open_gate.clear()
    async with bulk_client(service) as client:
        replaying = asyncio.create_task(replayed(client, [PlannedSession(0.0, 0.0)] * 500))
        await service.has_received(401)
        service.open_gate.set()
        replay = await replaying
    summary = replay.sessions.summary()

    assert service.operations_per_call[:5] == [1, 100, 100, 100, 100]
    assert (summary.placed, summary.completions, summary.errors, summary.retries) == (500, 500, 0, 0)
    assert service.live == {} == replay.sessions.record.occupancies()


async def test_only_the_operations_whose_outcome_is_not_final_are_sent_again(service: StandIn) -> None:
    service.faults["assign"].extend([(503, "store_unavailable"), (429, "no_capacity"), (503, "outcome_unknown")])
    async with bulk_client(service) as client:
        replay = await replayed(client, [PlannedSession(0.0, LONG)] * 10, Drain.NOW)
    summary = replay.sessions.summary()

    assert (summary.placed, summary.rejections, summary.retries, summary.errors) == (9, 1, 2, 0)
    assert len([call for call, _ in service.requests if call == "assign"]) == 12


@pytest.mark.parametrize("fault", [DROP_BEFORE, DROP_AFTER, (503, "outcome_unknown"), (429, "rate_limited")])
async def test_a_call_that_failed_has_failed_for_all_its_operations(service: StandIn, fault: Fault) -> None:
    service.faults["operations"].append(fault)
    retrying = Retrying(QUICK, random.Random(1))
    async with bulk_client(service) as client:
        asking = [retrying.answer(partial(client.assign, f"s-{k}")) for k in range(5)]
        answers = await asyncio.gather(*asking)

    assert service.operations_per_call[0] == 5
    assert [(answer.reply.ok, answer.retries) for answer in answers] == [(True, 1)] * 5
    assert len(service.live) == 5


@pytest.mark.parametrize(
    "body",
    [{}, {"outcomes": None}, {"outcomes": []}, {"outcomes": [{"status": 201}]}, {"outcomes": [{"body": {}}]}],
    ids=str,
)
def test_an_answer_without_an_outcome_for_each_is_malformed(body: dict[str, object]) -> None:
    [outcome] = outcomes(Reply(200, "", body), 1)

    assert outcome.code == "invalid_reply"
    assert outcome.in_doubt


async def test_closing_leaves_no_call_behind(service: StandIn) -> None:
    service.open_gate.clear()
    async with bulk_client(service) as client:
        call = asyncio.create_task(client.assign("s-1"))
        await service.has_received(1)
        call.cancel()
        service.open_gate.set()
    others = asyncio.all_tasks() - {asyncio.current_task()}

    assert not [task for task in others if "_send_together" in repr(task)]
