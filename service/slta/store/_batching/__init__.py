"""Batching: operations of one fleet that share a store call."""
