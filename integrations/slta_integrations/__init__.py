"""Integrations of proxies and pools, and operators' commands: clients of the HTTP API.

| folder | owns |
|---|---|
| agent | `slta agent`: pools of a host: registration, heartbeats, health, session lists, drain at the end |
| follow | `slta follow`: session begins and ends from a proxy's log |
| kubernetes | `slta kubernetes`: pods behind Services as pools |
| nginx_map | `slta nginx-map`: the map of pools to upstreams that nginx includes |
| operator | `slta fleet`, `slta pool`, `slta session`: what operators look at and change |

| module | owns |
|---|---|
| client | HTTP client of one fleet |
| signals | SIGTERM and SIGINT, which stop a command |
| notices, metric_registry | log messages, one of a kind a minute; metrics of a table, and their HTTP server |
| errors | replies and errors that the user can correct |
"""
