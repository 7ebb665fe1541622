"""HTTP without routes: what the FastAPI routes and the fast path share.

| module | owns |
|---|---|
| context | the request context: id, headers, client address, principal |
| guards | request guards: Host, cross-site requests; errors to responses |
| route_rules | how requests of clients, and of proxies, are read, guarded and refused |
| proxy_headers | the client address from X-Forwarded-For |
| authorization, pool_access | authentication, scopes, rate limits, load shedding; keys restricted to pools |
| bodies, parsing, worker | reading a body; validating it; the worker thread for large ones |
| paging | pages of a list: limit and cursor |
| responses, problems, codes | responses; RFC 9457 problem documents; what each error code means |
| middleware, dependencies | the ASGI middleware; injected dependencies |
| api_route, route_options | the FastAPI route class; the options of a route |
| openapi, docs_page | the OpenAPI document; its HTML page |
"""
