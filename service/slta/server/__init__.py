"""The HTTP server: uvicorn's, with a protocol of our own: limits before authentication, TLS, and the fast path.

| module | owns |
|---|---|
| server | the uvicorn server: listening socket, TLS handshakes, certificate and its reload, signals, shutdown |
| connection_limits | limits and deadlines of connections and handshakes; eviction; callbacks per iteration |
| protocol | HTTP/1.1 connections: limits and timeouts before authentication |
| request_head | limits of a head, what it says, known heads |
| framing | httptools, which never sees two requests at once; one request and its response, ASGI's receive and send |
"""
