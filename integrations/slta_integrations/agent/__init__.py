"""`slta agent`: keeps the pools of one host in slta.

| module | owns |
|---|---|
| config | configuration file |
| agent | calls with backoff, heartbeats of all pools, leaving |
| pool | state and loop of one pool: the next step from what slta has to what the agent wants |
| sources | commands and URLs |
| probe_output | counts and lists of sessions, from outputs |
| metrics | Prometheus metrics |
| command | command line |
"""
