"""`slta follow`: completes and reports sessions from the lines that a proxy writes to its log.

| module | owns |
|---|---|
| log_line | parser of a line |
| log_files | files of a rotated log: identity, order, copies |
| log_tail | tail of a log across rotations |
| checkpoints | upper bound of a line's age |
| position | position file: how far slta has answered |
| spool, datagrams | log on disk of received datagrams; UDP and Unix sockets |
| live | sessions that began and did not end, also across restarts |
| operations | bulk operations of lines, and what their outcomes count as |
| sender | bulk calls with retries |
| follower | main loop |
| metrics | Prometheus metrics |
| source, command | source of the lines; command line |
"""
