"""`slta plan`: the cheapest fleet for a floor, or the best for a budget. Without session types there is one.

| module | owns |
|---|---|
| options, loads | parsers of costs and the floor, of loads |
| market | costs, worths and rooms by class, and loads by session type, as input of the solver |
| solving | the two integer programmes, with flows of types to classes |
| expected | expected utility of a fleet: the bound less swing and placement gaps; worth of one more pool |
| simulation | simulated figures of a fleet with session types |
| rounds | rounds of a search |
| search | what the rounds of a search do: solve, find figures, raise the floor or demand more room |
| finding | rounds, larger fleets, fleets without pools to spare, other mixes |
| mixes | enumeration of the mixes cheaper than a limit |
| progress | what a long search shows on a terminal |
| answer | search, and the plan found |
| plan_report, results | a plan as text and as JSON |
| command | command line |
"""
