"""`slta evaluate`: a log of sessions beside the best that was possible.

| module | owns |
|---|---|
| entries | a line as an entry: CSV, JSON lines, HAProxy |
| haproxy | a line of HAProxy's log |
| naming | names of pools as numbers |
| reading | a file as arrays, with what was left out |
| window | which part of a log is measured |
| replay | the recorded placement and the policies on the same sessions |
| results | the figures as JSON |
| report | the figures as text |
| picture | the figures as a figure |
| command | the command line |
"""
