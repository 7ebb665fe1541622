"""Version: that of the dispatcher whose HTTP API this client was made for."""

VERSION = "0.1.0"
