"""The dashboard's JSON has the types of Grafana's own schema, as the TypeScript compiler checks them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.grafana import dashboard

pytestmark = [pytest.mark.needs("npm"), pytest.mark.slow]

SOURCES = Path(__file__).parent / "grafana_schema"
COMPOSABLE = "./node_modules/@grafana/schema/dist/types/raw/composable"
TSC = ("node_modules/.bin/tsc", "--pretty", "false")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pinned schema and compiler, installed."""
    copied = tmp_path_factory.mktemp("types") / "schema"
    shutil.copytree(SOURCES, copied)
    npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=copied)
    return copied


def npm(*arguments: str, folder: Path) -> None:
    done = subprocess.run(["npm", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def constants(board: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The dashboard, then the options of each panel and of its fields, each with its type."""
    yield "Board", board
    for panel in board["panels"]:
        if panel["type"] != "row":
            kind = panel["type"]
            yield f"{kind}.Options", panel["options"]
            if "custom" in panel["fieldConfig"]["defaults"]:
                yield f"{kind}.FieldConfig", panel["fieldConfig"]["defaults"]["custom"]


def findings(folder: Path, board: dict[str, Any]) -> str:
    """What the compiler says of a dashboard."""
    kinds = sorted({panel["type"] for panel in board["panels"]} - {"row"})
    imports = [
        'import type { Board, JsonOf } from "./types";',
        *(f'import type * as {kind} from "{COMPOSABLE}/{kind}/panelcfg/x/types.gen";' for kind in kinds),
    ]
    checked = [
        f"export const c{at}: JsonOf<{name}> = {json.dumps(value)};"
        for at, (name, value) in enumerate(constants(board))
    ]
    (folder / "dashboard.ts").write_text("\n".join([*imports, *checked]), encoding="utf-8")
    return subprocess.run(TSC, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_the_dashboard_has_the_types_of_the_schema(folder: Path) -> None:
    assert findings(folder, json.loads(dashboard.text())) == ""


def test_a_misspelt_value_is_found(folder: Path) -> None:
    found = findings(folder, json.loads(dashboard.text().replace('"graphMode": "area"', '"graphMode": "areaa"', 1)))
    assert '"areaa"' in found
