"""What an operator asks before and beside the service: on `service.core` and the experiments' engine.

| folder | owns |
|---|---|
| evaluate | what a recorded placement lost, and what others would lose on the same sessions |
"""
