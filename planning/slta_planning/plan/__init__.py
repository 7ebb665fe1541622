"""`slta plan`: the cheapest fleet for a floor, or the best for a budget.

| module | owns |
|---|---|
| options | parsers of costs, loads and the floor |
| market | costs and worths of pools as input of the solver |
| solving | the two integer programmes |
| rounds | rounds of a search, and what a search is made of |
| expected | expected utility of a fleet: the bound less swing and placement gaps; worth of one more pool |
| search | what the rounds of a search do: solve, evaluate the gaps, raise the floor by them |
| finding | rounds, larger fleets, fleets without pools to spare, other mixes |
| mixes | enumeration of the mixes cheaper than a limit |
| progress | what a long search shows on a terminal |
| answer | search, and the fleet found in virtual time |
| plan_report, results | a plan as text and as JSON |
| session_types | the same for fleets with session types |
| command | command line |
"""
