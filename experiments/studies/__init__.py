"""One module a question; each writes its tables and figures under docs/results."""
