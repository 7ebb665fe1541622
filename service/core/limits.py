"""The limits of one fleet; see docs/architecture.md, Limits."""

MAX_CLASSES = 64
MAX_CAPACITY = 4096
"""Sessions of one pool."""
MAX_LEVELS = 16_384
"""The capacities of all classes together."""
MAX_POOLS = 65_536
MAX_ALPHA = 16
"""The largest α of `alpha_fair`: 4096^16 is still a float, and exact powers stay quick."""
