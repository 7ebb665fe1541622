"""The paper's experiments, simulated in virtual time."""
