"""Load generator and measuring client; it uses only the HTTP API."""
