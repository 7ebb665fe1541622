"""Console script `slta` and its commands."""
