"""`slta serve` with the toy policy: python -m tests.toy.serve --port PORT --data-dir FOLDER."""

from __future__ import annotations

import argparse
from pathlib import Path

from slta.runtime import bootstrap, logs
from slta.runtime.settings import read_settings
from tests.toy.uniform import LIBRARY, WITH_UNIFORM


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int)
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args()
    logs.configure("info", "json")
    bootstrap.serve(read_settings(**vars(options)), WITH_UNIFORM, LIBRARY)


if __name__ == "__main__":
    main()
