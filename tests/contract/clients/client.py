"""Calls of a service by the client that openapi-python-client generates; prints what came back."""

import json
import sys

from generated import Client
from generated.api.sessions import assign, complete, operate, renew
from generated.models import AssignBody, CompleteBody, OperationsBody, Placement, Problem, RenewBody

client = Client(base_url=sys.argv[1])
first = assign.sync_detailed("tiny", client=client, body=AssignBody(session_id="s-1"))
again = assign.sync("tiny", client=client, body=AssignBody(session_id="s-1"))
renewed = renew.sync("tiny", client=client, body=RenewBody(session_ids=["s-1", "s-2"]))
completed = complete.sync("tiny", client=client, body=CompleteBody(session_id="s-1"))
operations = [{"assign": {"session_id": "s-3"}}, {"complete": {"session_id": "s-3"}}, {"assign": {"session_id": "s-3"}}]
bulk = operate.sync("tiny", client=client, body=OperationsBody.from_dict({"operations": operations}))
refused = assign.sync_detailed("tiny", client=client, body=AssignBody(session_id="s-1"))
assert isinstance(first.parsed, Placement)
assert isinstance(refused.parsed, Problem)
print(
    json.dumps(
        {
            "assigned": [first.status_code, first.parsed.session_id, first.parsed.replayed],
            "assigned again": [again.session_id, again.replayed],
            "renewed": [renewed.renewed, renewed.unknown],
            "completed": completed.outcome,
            "bulk": [outcome.status for outcome in bulk.outcomes],
            "refused": [refused.status_code, refused.parsed.code, refused.parsed.reason],
        }
    )
)
