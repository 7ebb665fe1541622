"""The build: all else is in pyproject.toml. The examples stay where readers look for them, and a wheel gets a copy."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


class BuildWithExamples(build_py):
    """The packages, and the example fleets inside of `slta_demo`."""

    def run(self) -> None:
        """Build the packages, then copy the examples."""
        super().run()
        if not self.editable_mode:
            self.copy_tree(str(HERE / "examples"), str(Path(self.build_lib) / "slta_demo/examples"))


setup(cmdclass={"build_py": BuildWithExamples})
