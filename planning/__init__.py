"""What an operator asks before and beside the service: on `service.core` and the experiments' engine.

| folder | owns |
|---|---|
| check | whether a fleet file is valid, and what follows from it |
| plan | the cheapest fleet that earns a floor, or the best for a budget |
| fit | the curves of classes, from samples |
| evaluate | what a recorded placement lost, and what others would lose on the same sessions |

| module | owns |
|---|---|
| playing | a fleet in virtual time, each policy on the same arrivals |
| refusing, errors | a fleet file that is refused; whatever else a user can put right |
| text | figures as text and as JSON |
"""
