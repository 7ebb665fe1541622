"""`slta check`: a fleet file before anything is started.

| module | owns |
|---|---|
| facts | what follows from a fleet file, exactly |
| warnings | what is valid, and probably not meant |
| trial, advice | which policy suits the fleet and load, by the experiments' engine; the same in words |
| report | the facts as text |
| command | the command line |
"""
