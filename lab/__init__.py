"""What only maintainers need: benchmarks and fault injection. Not packaged."""
