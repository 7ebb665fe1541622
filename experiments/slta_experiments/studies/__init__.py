"""Studies: one module per command, of the same name; each answers one question with tables and figures."""


class UnsuitableError(ValueError):
    """Invalid option values of a study; the message names valid ones."""
