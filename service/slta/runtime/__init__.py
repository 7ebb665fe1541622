"""One dispatcher process: settings, wiring, background tasks, logs and shutdown.

| module | owns |
|---|---|
| main | `serve`: the embedded store, the event loop, signals |
| bootstrap | the composition root |
| settings | settings from the environment, secret files and the command line |
| variables | environment variables that are no setting: unknown or misspelled |
| background | background tasks: the store's health, file reload, eviction watch |
| ticks, tick_loop, vanished_fleets | the tick of every fleet, in turns; detection of vanished fleets |
| type_bounds | bounds of session types, computed by the calculation process |
| automatic_repairs, jobs, job_queue | automatic repairs; the hourly audit; the queue of either |
| offline_audit | `slta audit`, outside a dispatcher |
| health_check | the container's health check, a separate process |
| logs, request_log | log configuration; the request log |
| tracing, spans | opening of traces; OpenTelemetry spans |
"""
