"""A Docker engine for releases and the compose test: the one that is there, or our own with images made from Debian.

Where no registry can be reached, images are built from packages under the names and tags that the files use. They
stand in for the real ones: same programs, Debian's versions of them. Grafana has no package and is left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SUITE = "trixie"
STAND_IN = "slta-stand-in"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
NEEDED = ("dockerd", "docker", "debootstrap", "tar")
SERVERS = f"""FROM {STAND_IN}
RUN apt-get update -qq \\
    && apt-get install -y -qq --no-install-recommends redis-server prometheus haproxy >/dev/null \\
    && install --directory --owner 999 --group 999 /data \\
    && install --directory --owner 65534 --group 65534 /prometheus
"""


@dataclass
class Engine:
    """Where Docker listens. `stand_ins`: images were made here, and there is none of Grafana."""

    host: str | None
    stand_ins: bool
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str | Path, given: str | None = None, check: bool = True) -> str:
        """What a command prints; what went wrong is in the failure's text."""
        host = {"DOCKER_HOST": self.host} if self.host else {}
        done = subprocess.run(
            [*map(str, command)],
            env=os.environ | host | self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout

    def docker(self, *arguments: str | Path, given: str | None = None, check: bool = True) -> str:
        """`docker …`."""
        return self.run("docker", *arguments, given=given, check=check)


def base_image(tree: Path) -> str:
    """The one image that the tree's Dockerfile builds on."""
    (name,) = set(re.findall(r"^FROM (\S+)", (tree / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
    return str(name)


@contextmanager
def engine(folder: Path, images: dict[str, str]) -> Iterator[Engine]:
    """The engine that answers here, else our own, which ends with everything it made. `images` by service.

    `SLTA_OWN_ENGINE` asks for our own in any case; `SLTA_STAND_IN_ROOT` names a folder that debootstrap filled before.
    """
    if not os.environ.get("SLTA_OWN_ENGINE") and shutil.which("docker"):
        there = Engine(None, stand_ins=False)
        if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
            yield there
            return
    missing = [tool for tool in NEEDED if not shutil.which(tool)]
    assert not missing, f"no Docker answers here, and to start one this is missing: {', '.join(missing)}"
    with own_daemon(folder) as ours:
        make_images(ours, folder, images)
        yield ours


@contextmanager
def own_daemon(folder: Path) -> Iterator[Engine]:
    """A dockerd of our own that leaves the host's network rules alone."""
    socket = folder / "docker.sock"
    options = {
        "--data-root": folder / "data",
        "--exec-root": folder / "exec",
        "--pidfile": folder / "pid",
        "--host": f"unix://{socket}",
    }
    without_rules = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false")
    command = ["dockerd", *(f"{name}={value}" for name, value in options.items()), *without_rules]
    with (folder / "dockerd.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as daemon:
        ours = Engine(f"unix://{socket}", stand_ins=True)
        try:
            deadline = time.monotonic() + 60
            while subprocess.run(
                ["docker", "-H", f"unix://{socket}", "info"], capture_output=True, check=False
            ).returncode:
                assert daemon.poll() is None, (folder / "dockerd.log").read_text()[-4000:]
                assert time.monotonic() < deadline, "dockerd does not answer"
                time.sleep(0.2)
            yield ours
        finally:
            daemon.terminate()
            daemon.wait(60)
            for mounted in (folder / "exec/netns").glob("*"):
                subprocess.run(["umount", mounted], check=False)
            shutil.rmtree(folder / "exec", ignore_errors=True)
            shutil.rmtree(folder / "data", ignore_errors=True)


def make_images(ours: Engine, folder: Path, images: dict[str, str]) -> None:
    """Debian under the name of the Dockerfile's base, and with servers under the names of those that are asked for."""
    root = Path(os.environ.get("SLTA_STAND_IN_ROOT", folder / "root"))
    if not root.exists():
        packages = "python3,python3-pip,python3-venv,ca-certificates"
        ours.run("debootstrap", "--variant=minbase", f"--include={packages}", SUITE, root)
    shutil.copyfile(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
    packed = folder / "root.tar"
    ours.run("tar", "--create", "--file", packed, "--directory", root, "--one-file-system", ".")
    ours.docker("import", "--change", f"ENV PIP_CERT={CERTIFICATES}", packed, STAND_IN)
    packed.unlink()
    if "SLTA_STAND_IN_ROOT" not in os.environ:
        shutil.rmtree(root)
    ours.docker("tag", STAND_IN, images["build"])
    names = [images[service] for service in ("redis", "proxy", "prometheus") if service in images]
    if not names:
        return
    servers = folder / "servers"
    servers.mkdir()
    (servers / "Dockerfile").write_text(SERVERS, encoding="utf-8")
    ours.docker("build", "--quiet", "--network", "host", "--tag", f"{STAND_IN}-servers", servers)
    for name in names:
        ours.docker("tag", f"{STAND_IN}-servers", name)


def compose(*files: Path) -> Sequence[str]:
    """The beginning of a compose command, whichever way it is installed."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    return [
        *(["docker", "compose"] if plugin else ["docker-compose"]),
        *(w for file in files for w in ("-f", str(file))),
    ]
