"""Benchmarks and fault injection, for maintainers only. Not packaged."""
