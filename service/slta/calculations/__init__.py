"""Calculation of the bounds of session types, in one subprocess of the lowest priority.

`worker` is the subprocess, `client` its `Calculator`.

This file imports nothing, to keep the subprocess small.
"""
