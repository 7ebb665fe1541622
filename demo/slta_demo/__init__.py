"""Demonstration: a fleet and a load generator as processes that talk over HTTP, and a line of figures each second."""
