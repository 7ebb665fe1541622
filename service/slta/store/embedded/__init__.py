"""Embedded store: a Valkey server as a child process on a Unix socket, and its data directory."""
