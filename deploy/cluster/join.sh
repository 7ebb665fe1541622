#!/bin/bash
# Forms the cluster of docker-compose.cluster.yml out of empty nodes, three masters and a replica for each, and then
# introduces every node that comes back with another address. Nodes know each other by address only, and the engine
# gives addresses anew when all containers were down.
set -euo pipefail

nodes=(redis redis-2 redis-3 redis-4 redis-5 redis-6)
REDISCLI_AUTH=$(sed -n 's/^masterauth //p' /run/secrets/replication.conf)
export REDISCLI_AUTH

cli() { timeout 5 redis-cli --user cluster --no-auth-warning -h "$@"; }
address() { getent ahostsv4 "$1" | awk 'NR == 1 { print $1 }'; }

form() {
    local places=()
    for node in "${nodes[@]}"; do
        until [[ $(cli "$node" ping 2>&1) == PONG ]]; do sleep 0.2; done
        places+=("$(address "$node"):6379")
    done
    if cli redis cluster info | grep -q '^cluster_slots_assigned:0'; then
        redis-cli --user cluster --no-auth-warning --cluster create "${places[@]}" --cluster-replicas 1 --cluster-yes
    fi
}

introduce() {
    local known place
    known=$(cli redis cluster nodes)
    for node in "${nodes[@]:1}"; do
        place=$(address "$node") && [[ $known != *" $place:6379@"* ]] && cli redis cluster meet "$place" 6379
    done
}

form
while sleep 2; do introduce || true; done
