"""`slta plan`: the cheapest fleet that keeps a floor, or the best for a budget.

| module | owns |
|---|---|
| wanted | costs, loads and the floor, as they are asked for |
| market | what pools cost and add, in numbers that a solver takes |
| solving | the two integer programmes |
| expected | what a fleet is expected to earn: the bound less what swings and placement lose |
| search | rounds: solve, see what is lost, raise the floor by it |
| worth | what one more pool of each class adds |
| report, results | a plan as text and as JSON |
| command | the command line |
"""
