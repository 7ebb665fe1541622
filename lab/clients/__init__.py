"""Client processes with the fallback of the client library, while slta or its store is away.

| module | owns |
|---|---|
| system | a fleet beside a dispatcher, and the client processes |
| outages | the rows, and what is watched after each outage |
"""
