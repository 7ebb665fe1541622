"""Authentication and quotas, without HTTP: API keys with scopes, rate limits and byte budgets."""
