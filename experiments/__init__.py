"""The paper's experiments, run in virtual time."""
