"""The HTTP server: uvicorn with limits that apply before authentication, TLS, and the fast path.

| module | owns |
|---|---|
| server | the uvicorn server: listening socket, signals, shutdown |
| acceptor, certificates | accepting connections, TLS handshakes; certificate reload |
| connection_limits, admission | limits and deadlines of connections and handshakes; which idle ones are evicted |
| http_limits, request_head, framing | limits before authentication: headers, pipelining, timeouts; body framing |
| lingering_transport | closing while the body of a request is still arriving |
| protocol, callback_queue | fast-path requests without ASGI; a limit of callbacks per event-loop iteration |
| uvicorn_internals | undocumented attributes of uvicorn that are used, checked at start |
"""
