"""One running dispatcher: settings, the composition root, its listener, its rounds, what it logs and traces."""
