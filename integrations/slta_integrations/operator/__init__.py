"""Commands of operators: `slta fleet`, `slta pool` and `slta session`, over the HTTP API.

| module | owns |
|---|---|
| calls | `Operator`: calls of one command, whose failures end it with an exit code |
| registry | `command`: registers a command with the options that all have |
| fleet, pool, session | the commands |
| drains | waits for the sessions of draining pools |
"""
