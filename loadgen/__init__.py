"""A load generator and measuring client that knows only the HTTP API."""
