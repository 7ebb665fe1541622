"""The build: all else is in pyproject.toml. What setuptools makes on the way to a wheel stays out of the checkout."""

from tempfile import TemporaryDirectory

from setuptools import setup

FOLDER = TemporaryDirectory()  # removed when the build ends

setup(options={"build": {"build_base": FOLDER.name}, "egg_info": {"egg_base": FOLDER.name}})
