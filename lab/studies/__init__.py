"""Studies beside the paper: one module per command of the same name; each answers one question with tables."""
