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

# Waits until all nodes answer, unless one of them has slots: then there is a cluster, even if others are away.
form() {
    local info node places=()
    until ((${#places[@]} == ${#nodes[@]})); do
        places=()
        for node in "${nodes[@]}"; do
            info=$(cli "$node" cluster info 2>&1) || true
            case $info in
                *cluster_slots_assigned:[1-9]*) return ;;
                *cluster_slots_assigned:0*) places+=("$(address "$node"):6379") ;;
            esac
        done
        sleep 0.2
    done
    redis-cli --user cluster --no-auth-warning --cluster create "${places[@]}" --cluster-replicas 1 --cluster-yes
}

# Asks the first node that answers, and tells it the others that it does not know.
introduce() {
    local asked known node place
    for asked in "${nodes[@]}"; do
        known=$(cli "$asked" cluster nodes 2>&1) && [[ $known == *myself* ]] && break
    done
    for node in "${nodes[@]}"; do
        place=$(address "$node") && [[ $node != "$asked" && $known != *" $place:6379@"* ]] \
            && cli "$asked" cluster meet "$place" 6379
    done
}

form
while sleep 2; do introduce || true; done
