"""What faults do to acknowledged sessions: real processes, planted faults, and a witness that keeps its own ledger."""
