"""Long runs of client processes with the fallback of the client library, while slta or its store is away.

| module | owns |
|---|---|
| client | one client process: sessions at a rate, and a line for each beginning and end |
| findings | what a run was to show, from the lines of all clients and what the store held |
| outages | the outages, and what is watched after each |
| system | store, dispatcher, fleet and client processes |
"""
