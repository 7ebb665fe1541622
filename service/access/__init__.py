"""Who may do what, and how often: API keys with scopes, and token buckets. Knows nothing of HTTP."""
