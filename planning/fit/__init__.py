"""`slta fit`: from samples of what sessions are worth to a class's curve.

| module | owns |
|---|---|
| samples | samples by class, from a CSV |
| prometheus | the same from two range queries |
| levels | samples level by level: counts, means, noise |
| concave | the nearest concave curve |
| shape | whether the means can come from one |
| bands | where it would lie with other samples |
| families | the families of a fleet file, fitted |
| candidates | the table and the families beside the samples, and which is taken |
| fitting | all of one class |
| fleet | the curves as a fleet file |
| results | the figures as JSON |
| report | the figures as text |
| picture | the figures as a figure |
| options | what options mean |
| command | the command line |
"""
