"""The HTTP server: uvicorn's, with a protocol of our own: limits before authentication, TLS, and the fast path.

| module | owns |
|---|---|
| server | the uvicorn server: listening socket, signals, shutdown |
| acceptor, certificates | accepting connections, TLS handshakes; certificate reload |
| connection_limits, admission | limits and deadlines of connections and handshakes; which idle ones are evicted |
| protocol, callback_queue | HTTP/1.1 connections: limits and timeouts before authentication; callbacks per iteration |
| request_head, framing | limits of a head; httptools, which never sees two requests at once |
| exchange | one request and its response; ASGI's receive and send for what the fast path leaves to FastAPI |
"""
