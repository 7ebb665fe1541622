"""The HTTP API: parse, ask the store, answer. Knows HTTP, and the store only through its methods.

| module | owns |
|---|---|
| application | `build_api`: the FastAPI application and all that is in front of it |
| sessions, pools, fleets, observations, process, reference | the routes |
| schemas | bodies and answers |
| rules, routing, gate | what a route asks of a request, and who may call it |
| edge, bodies, strict_json, problems | ids and headers, limits, strict parsing, refusals |
| access, rate_limit, keys_cli | API keys |
"""
