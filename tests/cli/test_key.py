"""`slta key new` and `slta key list`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from slta.auth.keys import Access
from slta.cli.key import app


def test_what_it_prints_is_a_key_and_an_entry_that_fit_together(tmp_path: Path) -> None:
    made = CliRunner().invoke(app, ["new", "--scope", "read", "--scope", "assign", "--fleet", "f"])
    assert made.exit_code == 0
    key = made.stdout.strip()
    entries = yaml.safe_load(made.stderr)
    path = tmp_path / "keys.yaml"
    path.write_text(yaml.safe_dump({"keys": entries}))
    caller = Access.load(path).identify(f"Bearer {key}")
    assert caller is not None
    assert (caller.scopes, caller.fleets) == ({"read", "assign"}, {"f"})
    assert key.split(".")[1] not in path.read_text()


def test_it_adds_to_a_key_file_that_only_its_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    keys = [
        CliRunner().invoke(app, ["new", "--scope", scope, "--file", str(path)]).stdout.strip()
        for scope in ("read", "admin")
    ]
    access = Access.load(path)
    callers = [access.identify(f"Bearer {key}") for key in keys]
    assert [caller and caller.scopes for caller in callers] == [{"read"}, {"admin"}]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["keys.yaml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file away")
def test_the_key_file_keeps_its_owner_its_mode_and_the_link_that_leads_to_it(tmp_path: Path) -> None:
    target, link = tmp_path / "target.yaml", tmp_path / "keys.yaml"
    target.write_text("keys: []")
    os.chown(target, 10001, 10002)
    target.chmod(0o640)
    link.symlink_to(target)
    assert CliRunner().invoke(app, ["new", "--scope", "read", "--file", str(link)]).exit_code == 0
    kept = target.stat()
    assert (kept.st_uid, kept.st_gid, kept.st_mode & 0o777) == (10001, 10002, 0o640)
    assert (link.is_symlink(), len(Access.load(target).entries)) == (True, 1)


def test_what_another_command_left_behind_is_neither_followed_nor_overwritten(tmp_path: Path) -> None:
    path, victim = tmp_path / "keys.yaml", tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "keys.yaml.new").symlink_to(victim)
    refused = CliRunner().invoke(app, ["new", "--scope", "read", "--file", str(path)])
    assert (refused.exit_code, refused.stdout, refused.stderr) == (2, "", f"slta: {path}.new: File exists\n")
    assert (victim.read_text(), path.exists()) == ("mine", False)


def test_the_keys_of_a_file_are_listed_without_their_hashes(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    for options in ("--scope read --scope assign --fleet f", "--scope pool --pool a-* --class small --most-pools 8"):
        CliRunner().invoke(app, ["new", "--file", str(path), *options.split()])
    (first, second) = Access.load(path).entries
    listed = CliRunner().invoke(app, ["list", "--file", str(path)]).stdout.split()
    assert listed[6:] == [*f"{first.id} assign,read f - - -".split(), *f"{second.id} pool - a-* small 8".split()]
    as_json = CliRunner().invoke(app, ["list", "--output", "json"], env={"SLTA_KEYS_FILE": str(path)})
    restricted = {"pools": ["a-*"], "classes": ["small"], "most_pools": 8}
    assert json.loads(as_json.stdout)[1] == {"id": second.id, "scopes": ["pool"], **restricted}


def test_it_does_not_overwrite_a_file_that_is_no_key_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("something: else\n")
    assert CliRunner().invoke(app, ["new", "--scope", "read", "--file", str(path)]).exit_code == 2
    assert path.read_text() == "something: else\n"
    assert [file.name for file in tmp_path.iterdir()] == ["keys.yaml"]


def test_a_key_for_some_pools_has_them_in_its_entry(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    arguments = ["--scope", "pool", "--pool", "small-*", "--pool", "srv-1", "--file", str(path)]
    arguments += ["--class", "small", "--most-pools", "8"]
    key = CliRunner().invoke(app, ["new", *arguments]).stdout.strip()
    assert yaml.safe_load(path.read_text())["keys"][0]["pools"] == ["small-*", "srv-1"]
    caller = Access.load(path).identify(f"Bearer {key}")
    assert caller is not None
    assert (caller.pools, caller.classes, caller.most_pools) == ({"small-*", "srv-1"}, {"small"}, 8)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--scope must be one or more of assign, "),
        (["--scope", "root"], "--scope must be one or more of assign, "),
        (["--scope", "read", "--fleet", "{x}"], "fleets[0]: must be a name"),
        (["--scope", "pool", "--pool", "a?"], "pools[0]: must have 1 to 128 of"),
        (["--scope", "read", "--pool", "a"], "pools: restrict the scope pool only"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_the_reason(arguments: list[str], reason: str) -> None:
    refused = CliRunner().invoke(app, ["new", *arguments], env={"COLUMNS": "200"})
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert reason in refused.stderr


def test_a_file_that_cannot_be_written_is_one_line_and_no_key_is_told(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["new", "--scope", "read", "--file", str(tmp_path / "nowhere" / "keys.yaml")])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("slta: ")
    assert refused.stderr.count("\n") == 1
