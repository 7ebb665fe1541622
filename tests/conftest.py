"""What all tests share."""

from hypothesis import settings

settings.register_profile("slta", deadline=None)  # a slow machine is not a wrong answer
settings.load_profile("slta")
