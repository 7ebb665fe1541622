"""HTTP without routes: what the FastAPI routes and the fast path share.

| module | owns |
|---|---|
| guards | the context of a request; its guards: Host, cross-site requests; the ASGI middleware |
| authorization | authentication, scopes, keys restricted to pools, rate limits, load shedding |
| bodies | reading a body; validating it; the worker thread for large ones |
| responses | responses; RFC 9457 problem documents |
| route_options | the options of a route; how requests of clients, and of proxies, are read, guarded and refused |
| api_route | the FastAPI route class; injected dependencies, pages of a list |
| openapi, docs_page | the OpenAPI document, what each error code means; its HTML page |
"""
