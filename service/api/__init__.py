"""The HTTP API: parse, ask the store, answer. Knows HTTP, and the store only through its methods.

| module | owns |
|---|---|
| application | `build_api`: the FastAPI application and all that is in front of it |
| sessions, operations, pools, fleets, observations, probes, reference | the routes |
| schemas, dependencies | bodies and answers; the parts of the application that an endpoint may ask for |
| contract | what a call promises, as OpenAPI |
| rules, routing | what a route asks of a request, and how a request comes to its endpoint |
| direct | the hot calls, without FastAPI |
| door, gate, bodies, problems | ids and hosts, who may come in, how bodies arrive, refusals: the same for both ways |
| parsing, worker | from the bytes of a body to its model; the thread for what would hold the event loop too long |
| edge, answers | answers and their headers, in ASGI and without |
| context, forwarding | what is known of a request on its way; whose it is behind a proxy |
"""
