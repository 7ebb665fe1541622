"""Studies: one module per command, of the same name; each answers one question with tables and figures."""


class Unsuitable(ValueError):
    """Invalid option values of a study; the message names valid ones."""
