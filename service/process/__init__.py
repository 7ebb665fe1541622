"""One running dispatcher, from the command to the signal that ends it.

| module | owns |
|---|---|
| serving | `serve`: the embedded store, the event loop, the signals |
| dispatcher | the composition root |
| settings | what can be set |
| listening, acceptor, certificates | the HTTP server; what it accepts, TLS handshakes; the certificate that it shows |
| protocol, groups | its connections: hot calls |
| bounded, framing, heads | what a client may send before it is known, how soon, and where a request ends |
| limits, admission | how many connections and handshakes there may be, and which of them make room |
| housekeeping, ticking, vanishing | what is done every second: every fleet's tick, and which fleets have vanished |
| repairing, checking | automatic repairs; what is done every hour |
| auditing | `slta audit`, from outside a dispatcher |
| health | the health check of the image, a process of its own |
| announcing, logs, tracing | what is said of it all |
"""
