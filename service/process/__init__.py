"""One running dispatcher, from the command to the signal that ends it.

| module | owns |
|---|---|
| serving | `serve`: the embedded store, the event loop, the signals |
| dispatcher | the composition root |
| settings | what can be set |
| listening | the HTTP server |
| housekeeping | what is done every second |
| announcing, logs, tracing | what is said of it all |
"""
