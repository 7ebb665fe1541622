"""`slta kubernetes`: pods behind Services as pools of a fleet.

Pure, without input and output: events, objects, desired_pools, plan, vanished, falls, scaling.

| module | owns |
|---|---|
| events | lines of a watch, and the objects that they leave |
| objects | EndpointSlices, Pods and Deployments as the API server sends them |
| desired_pools | desired pools: those that the pods of the slices should be |
| vanished | pods that vanished, and how long their pools wait |
| plan | difference between desired and existing pools, as calls to make |
| falls | falls of replicas, and the pods that have to go after them |
| scaling | actions that follow from the scale advice |
| api_server | HTTP client of the API server |
| watcher | list and watch of one kind of objects; all that is watched |
| deployments | Deployments and their pods, read; other workloads are refused |
| lease | who acts: acquires, renews and releases the Lease object |
| pools | reads and changes the fleet's pools |
| scaler | reads the advice; marks pods, sets replicas |
| reconciler | main loop: makes the pools what the pods are |
| metrics | Prometheus metrics |
| options, command | validated options; command line |
"""
