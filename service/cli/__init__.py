"""The console script `slta` and its commands."""
