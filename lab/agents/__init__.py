"""Long runs of agents beside real pool processes that are killed, stopped, or cut off from slta.

| module | owns |
|---|---|
| hosts | pool and agent processes, forked from one that has imported everything |
| relay | the network between agents and slta: a relay that is stopped |
| load | sessions at a rate, each a connection to its pool, and a line for each event |
| system | store, dispatcher, fleet, relay, hosts and load |
| watch | liveness of all pools over time |
| findings | what a case was to show, from the lines of the load generator, the watch and the store |
| cases | the cases |
"""
