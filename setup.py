"""The build: all else is in pyproject.toml. Example fleets stay where readers look for them; a wheel gets a copy."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


class BuildWithExamples(build_py):
    """The packages, and the example fleets inside of `slta_demo`."""

    def run(self) -> None:
        """Build the packages, then copy the fleets."""
        super().run()
        if not self.editable_mode:
            copies = Path(self.build_lib) / "slta_demo/examples"
            self.mkpath(str(copies))
            for fleet in (HERE / "examples").glob("*.yaml"):
                self.copy_file(str(fleet), str(copies / fleet.name))


setup(cmdclass={"build_py": BuildWithExamples})
