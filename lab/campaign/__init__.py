"""Campaign: long runs of real processes under faults, as rows of one table, with one command and one report.

| module | owns |
|---|---|
| row | a row: scene, load, fault and judgement; one run of it |
| table | the rows by group: faults, agents, clients, proxies |
| findings | what the sessions of a load show beside the records of the store |
| load | a process that places sessions at a rate, and a line for each event |

The rows of a group are in `lab/faults`, `lab/agents`, `lab/clients` and `lab/proxies`.
"""
