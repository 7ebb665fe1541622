"""What all tests share."""

from hypothesis import HealthCheck, settings

# A slow machine is not a wrong answer.
settings.register_profile("slta", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slta")
