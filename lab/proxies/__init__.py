"""Long runs of the real proxies on the recipes of deploy/proxies; the system is that of tests/proxies.

| module | measures |
|---|---|
| connections | sessions in slta beside connections in the proxy, every second |
| outages | clients and sessions while slta or its store is away for a minute |
| first_byte | time to the first byte, with and without a question to slta |
| evaluation | placement gap in slta beside that in the proxy's log |
| rollout | both differences at placing while slta places a share of the sessions |
"""
