# What docker-compose.proxies.yml changes in the recipe: where slta follow listens, and where servers are.
s|^  log stdout |  log /run/slta/log.sock |
s|^  server \([^ ]*\) [0-9.]*:8080|  server \1 \1:8080 resolvers containers resolve-prefer ipv4 init-addr none|
