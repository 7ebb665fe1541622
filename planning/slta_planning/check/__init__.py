"""`slta check`: validation and analysis of a fleet file before anything is started.

| module | owns |
|---|---|
| facts | exact properties of a fleet file |
| warnings | warnings: valid, but probably not intended |
| trial | policy recommendation by simulation, and as text |
| check_report | the facts as text |
| command | command line |
"""
