"""`slta agent`: keeps the pools of one host in slta. The state machine has no I/O; the runner makes its calls.

| module | owns |
|---|---|
| config | configuration file |
| pool | state of one pool, and the next step from what slta has to what the agent wants |
| calls | calls to slta, as values |
| settling | what replies say about pools |
| probing | schedule of health checks, counts and lists |
| probe_output | counts and lists of sessions, from outputs |
| state_machine | next call, backoff, heartbeats, leaving |
| sources | commands and URLs |
| runner | event loop |
| presence_file | file that exists while slta has a pool of the agent |
| metrics | Prometheus metrics |
| command | command line |
"""
