"""`slta follow`: completes and reports sessions from the lines that a proxy writes to its log.

| module | owns |
|---|---|
| log_line | parser of a line |
| log_files | files of a rotated log: identity, order, copies |
| log_tail | tail of a log across rotations, and how old its lines can be |
| position | position file: how far slta has answered |
| spool, datagrams | log on disk of received datagrams; UDP and Unix sockets |
| live | sessions that began and did not end, also across restarts |
| operations | bulk operations of lines, and which outcomes are final |
| sender | bulk calls with retries; what outcomes count as |
| follower | main loop |
| metrics | Prometheus metrics |
| source, command | source of the lines; command line |
"""
