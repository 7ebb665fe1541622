"""`slta nginx-map`: the file that nginx includes, made of a fleet's pools and their addresses.

| module | owns |
|---|---|
| rendering | the map and the upstreams as text; validation of addresses for nginx |
| command | command line; atomic replacement of the file |
"""
