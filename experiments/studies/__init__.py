"""One module a study, of the same name as its command; each answers one question with tables and figures."""


class Unsuitable(ValueError):
    """The study cannot be run with these values; the message says which are possible."""
