"""Plan of a fleet with session types: a load for each type, and a simulation where others have a prediction.

| module | owns |
|---|---|
| loads | parsers of loads and floors by type |
| market | costs, worths and rooms by class, and loads by type, as input of the solver |
| solving | the two integer programmes, with flows of types to classes |
| simulation | simulated figures of a fleet at the loads of the types |
| search | what the rounds of a search do: solve, simulate, demand more room |
| answer | search, and the plan found |
| typed_report, results | a plan as text and as JSON |
"""
