"""One dispatcher process: settings, wiring, background tasks, logs and shutdown.

| module | owns |
|---|---|
| bootstrap | the composition root; `serve`: the embedded store, the event loop, signals |
| settings | settings from the environment, secret files and the command line; misspelled variables |
| background | background tasks: the store's health, file reload, eviction watch |
| ticks | the tick of every fleet, in turns; detection of vanished fleets |
| type_bounds | bounds of session types, computed by the calculation process |
| jobs | automatic repairs and the hourly audit, in queues |
| offline_audit | `slta audit`, outside a dispatcher |
| health_check | the container's health check, a separate process |
| logs, request_log | log configuration; the request log |
| spans | OpenTelemetry spans |
"""
