"""Effects of faults on acknowledged sessions: real processes, planted faults, and a witness with its own ledger."""
