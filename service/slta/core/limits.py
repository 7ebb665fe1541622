"""Limits of one fleet; see docs/architecture.md, Limits."""

MAX_CLASSES = 64
MAX_CAPACITY = 4096
"""Sessions per pool."""
MAX_LEVELS = 16_384
"""Sum of the capacities of all classes."""
MAX_POOLS = 65_536
MAX_ALPHA = 16
"""Maximum α of `alpha_fair`: 4096^16 is a finite float, and exact powers stay fast."""
MAX_SESSION_TYPES = 16
"""With `default`."""
MAX_TYPE_CELLS = 256
"""Classes times session types."""
MAX_RESERVE_FOR_PRIORITY = 1_000_000
"""Free places."""
MAX_RESERVE = 100
"""Largest ρ of a fleet's reserves."""
