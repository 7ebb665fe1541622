"""`slta plan`: the cheapest fleet for a floor, or the best for a budget.

| module | owns |
|---|---|
| wanted | parsers of costs, loads and the floor |
| market | costs and worths of pools as input of the solver |
| solving | the two integer programmes |
| expected | expected utility of a fleet: the bound less swing and placement gaps; worth of one more pool |
| search | rounds: solve, evaluate the gaps, raise the floor by them; then look at cheaper mixes |
| mixes | enumeration of the mixes cheaper than a limit |
| plan_report, results | a plan as text and as JSON |
| command | command line |
"""
