"""Study of a placement: 100 sessions on a fleet of its own, and how far they are from the best placement.

pip install ./clients/python httpx    # needs a dispatcher, SLTA_AUTH=false
SLTA_URL=http://127.0.0.1:8080 python examples/client/study.py    # or cell by cell in a notebook
"""

# %% A fleet of 20 pools in two classes. x sessions on a pool are worth x log(resource / x).
import os
from contextlib import ExitStack
from typing import Any

import httpx

from slta_client import Client

URL, FLEET, SESSIONS = os.environ.get("SLTA_URL", "http://127.0.0.1:8080"), "study", 100
CLASSES = [
    {"name": name, "utility": {"kind": "log_share", "resource": resource}, "capacity": 20, "pools": 10}
    for name, resource in {"small": 20, "large": 40}.items()
]
api = httpx.Client(base_url=f"{URL}/v1/fleets", timeout=10)
api.put(FLEET, json={"classes": CLASSES}).raise_for_status()


def read(what: str) -> dict[str, Any]:
    """Read an observation of the fleet."""
    found: dict[str, Any] = api.get(f"{FLEET}/{what}").raise_for_status().json()
    return found


# %% Place the sessions, and look at the fleet while they last. At the end of the block all are ended.
begin = read("state")["integrals"]
with Client(URL, FLEET) as client, ExitStack() as placed:
    sessions = [placed.enter_context(client.session()) for _ in range(SESSIONS)]
    state, averages = read("state"), read(f"averages?since={begin}")

# %% Compare.
for row in state["classes"]:
    pools, *filled = row["optimal_occupancy"]  # pools with at least 0, 1, 2, … sessions
    mean = sum(session.pool_class == row["name"] for session in sessions) / pools
    print(f"{row['name']}: {mean:.1f} sessions per pool, at best {sum(filled) / pools:.1f}")
gap = 1 - state["utility"] / state["utility_bound"]
print(f"now: utility {state['utility']:.1f}, at best {state['utility_bound']:.1f}: gap {100 * gap:.2f} %")
print(f"on average while they came: placement gap {100 * averages['relative_placement_gap']:.2f} %")
