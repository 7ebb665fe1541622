"""One running dispatcher, from the command to the signal that ends it.

| module | owns |
|---|---|
| serving | `serve`: the embedded store, the event loop, the signals |
| dispatcher | the composition root |
| settings | what can be set |
| listening, acceptor, certificates | the HTTP server; TLS handshakes; the certificate that it shows |
| protocol, groups, bounded, framing, heads, limits, admission | its connections: hot calls, and what a client may take before it is known |
| housekeeping, ticking, vanishing | what is done every second: every fleet's tick, and which fleets have vanished |
| repairing, checking | automatic repairs; what is done every hour |
| auditing | `slta audit`, from outside a dispatcher |
| health | the health check of the image, a process of its own |
| announcing, logs, tracing | what is said of it all |
"""
