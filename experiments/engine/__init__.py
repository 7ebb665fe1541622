"""The event loop in virtual time, at a constant cost per event, with the rules of `service.core` inside."""
