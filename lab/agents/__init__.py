"""Long runs of agents beside real pool processes that are killed, stopped, or cut off from slta.

| module | owns |
|---|---|
| hosts | pool and agent processes, forked from one that has imported everything |
| gate | the network between agents and slta: a relay that is stopped |
| player | sessions at a rate, each a connection to its pool, and a line for each event |
| scene | store, dispatcher, fleet, gate, hosts and player |
| watch | liveness of all pools over time |
| judgement | what a case was to show, from the lines of the player, the watch and the store |
| cases | the cases |
"""
