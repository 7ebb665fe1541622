"""Agents beside real pool processes that are killed, stopped, or cut off from slta.

| module | owns |
|---|---|
| hosts | pool and agent processes, forked from one that has imported everything |
| relay | the network between agents and slta: a relay that is stopped |
| system | fleet, relay and hosts beside a dispatcher, and the load |
| watch | liveness of all pools over time |
| cases | the rows |
"""
