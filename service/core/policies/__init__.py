"""The dispatching policies as executable specification: occupancies and a draw in, a pool out (paper section 3)."""

from service.core.policies.common import Decision, Occupancies
from service.core.policies.jlmu import Jlmu
from service.core.policies.slta import Slta

__all__ = ["Decision", "Jlmu", "Occupancies", "Slta"]
