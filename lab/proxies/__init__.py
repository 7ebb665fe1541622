"""Rows of the proxies: real ones on the recipes of deploy/proxies, in the system that their tests have.

| module | measures |
|---|---|
| connections | sessions in slta beside connections in the proxy, every second |
| outages | clients and sessions while slta or its store is away for a minute |
| first_byte | time to the first byte, with and without a question to slta |
| evaluation | placement gap in slta beside that in the proxy's log |
| rollout | both differences at placing while slta places a share of the sessions |
| runs | the rows: each of these behind every proxy that is installed |
"""
