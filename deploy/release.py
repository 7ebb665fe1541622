"""The files of a release in `dist`, built from the last commit by `make release`, and their checksums.

A tool that fails ends the build before the checksums are written. Where no Docker answers, the image is a stand-in on
Debian's Python, and its name says so.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from slta import release
from testbed.engine import Engine, base_image, engine
from testbed.programs import find

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
NAME = f"slta-{release()}"
CHECKSUMS = "SHA256SUMS"
MONITORING = re.compile(
    r"^kind: (?:PrometheusRule|ServiceMonitor)$|^  name: slta-(?:dashboard|from-prometheus)$", re.MULTILINE
)
"""Found in each object of the component `monitoring`."""


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """What a command prints to its standard output; programs beside the interpreter come first."""
    name, *arguments = map(str, command)
    done = subprocess.run([find(name) or name, *arguments], cwd=cwd, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def export(folder: Path) -> Path:
    """The files of the last commit."""
    (tree := folder / "tree").mkdir()
    run("git", "archive", "--output", folder / "tree.tar", "HEAD")
    run("tar", "--extract", "--file", folder / "tree.tar", "--directory", tree)
    return tree


def archive(folder: Path, target: Path) -> None:
    """An archive that depends on SOURCE_DATE_EPOCH and what is in the folder only."""
    owner = ("--owner=0", "--group=0", "--numeric-owner", f"--mtime=@{os.environ['SOURCE_DATE_EPOCH']}")
    options = ("--sort=name", "--use-compress-program=gzip --no-name", f"--directory={folder.parent}")
    run("tar", "--create", *owner, *options, "--file", target, folder.name)


def repack(packed: Path) -> None:
    """Replace an archive of one folder by one that has no times and owners of its build."""
    with TemporaryDirectory() as folder:
        run("tar", "--extract", "--file", packed, "--directory", folder)
        (content,) = Path(folder).iterdir()
        archive(content, packed)


def distributions(tree: Path, dist: Path) -> None:
    """The sources of both distributions, wheels built from these, and the requirements with hashes."""
    for folder in (tree, tree / "clients/python"):
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, folder)
    for sources in dist.glob("*.tar.gz"):
        repack(sources)
    shutil.copyfile(tree / "requirements.txt", dist / f"{NAME}-requirements.txt")


def site(tree: Path, dist: Path) -> None:
    run("zensical", "build", "--strict", cwd=tree)
    archive(tree / "build/site", dist / f"{NAME}-site.tar.gz")


def kustomize(folder: Path) -> str:
    """The objects of a kustomization, in YAML."""
    return run("kubectl", "kustomize", folder)


def manifests(tree: Path, dist: Path) -> None:
    """The base, which may be a resource of an overlay, and `deploy` with overlays, rules, units and recipes."""
    base = kustomize(tree / "deploy/kubernetes/base")
    (dist / f"{NAME}-kubernetes-base.yaml").write_text(base, encoding="utf-8")
    archive(tree / "deploy", dist / f"{NAME}-deploy.tar.gz")


def template(objects: str) -> str:
    """A template of Helm: `<< … >>` are its expressions; objects of `monitoring` are there if that value is true."""
    text = re.sub("<<(.*?)>>", r"{{\1}}", objects.replace("{{", '{{ "{{" }}'), flags=re.DOTALL)
    parts = re.split(r"^---$", text, flags=re.MULTILINE)
    return "\n---\n".join(
        f"{{{{ if .Values.monitoring }}}}{part}{{{{ end }}}}" if MONITORING.search(part) else part for part in parts
    )


def chart(tree: Path, dist: Path) -> None:
    """The chart, after Helm's own lint."""
    import helm_python as helm

    folder = tree / "build/slta"
    (folder / "templates").mkdir(parents=True)
    for name in ("Chart.yaml", "values.yaml"):
        shutil.copyfile(tree / "deploy/helm" / name, folder / name)
    (folder / "templates/slta.yaml").write_text(template(kustomize(tree / "deploy/helm")), encoding="utf-8")
    findings = helm.lint(folder, strict=True)["errors"]
    assert not findings, findings
    repack(Path(helm.package(folder, destination=dist, version=release(), app_version=release())))


def build_by_digest(docker: Engine, tree: Path, tag: str) -> None:
    """Build the image on what a registry has under the base's tag now; the Dockerfile, so the label too, says which."""
    base, dockerfile = base_image(tree), tree / "Dockerfile"
    if not docker.stand_ins:
        docker.docker("pull", base)
        found = docker.docker("image", "inspect", "--format", "{{index .RepoDigests 0}}", base).strip()
        pinned = f"{base}@{found.partition('@')[2]}"
        dockerfile.write_text(dockerfile.read_text(encoding="utf-8").replace(base, pinned), encoding="utf-8")
    network = ("--network", "host") if docker.stand_ins else ()
    revision = run("git", "rev-parse", "HEAD").strip()
    docker.docker("build", *network, "--build-arg", f"REVISION={revision}", "--tag", tag, tree)


def image(tree: Path, dist: Path) -> None:
    """The image for `docker load`, and a bill of its Debian and Python packages."""
    tag = f"slta:{release()}"
    with TemporaryDirectory() as folder, engine(Path(folder), {"build": base_image(tree)}) as docker:
        target = dist / f"{NAME}-image{'-stand-in' if docker.stand_ins else ''}.tar"
        build_by_digest(docker, tree, tag)
        docker.docker("save", "--output", target, tag)
    source = ("--source-name=slta", f"--source-version={release()}")
    bill = f"cyclonedx-json={target.with_suffix('.cdx.json')}"
    run("syft", "scan", "--quiet", f"docker-archive:{target}", *source, "--output", bill)
    target.chmod(0o644)
    run("gzip", "--no-name", target)


def checksums(dist: Path) -> None:
    """The SHA-256 of each file, for `sha256sum --check`."""
    files = sorted(path for path in dist.iterdir() if path.name != CHECKSUMS)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (dist / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def main() -> None:
    """Build all; files that `dist` had are removed."""
    os.environ["SOURCE_DATE_EPOCH"] = run("git", "log", "-1", "--format=%ct").strip()
    os.environ["SYFT_CHECK_FOR_APP_UPDATE"] = "false"
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    with TemporaryDirectory() as folder:
        tree = export(Path(folder))
        for build in (distributions, site, manifests, chart, image):
            print(f"== {build.__name__}", flush=True)
            build(tree, DIST)
    checksums(DIST)
    print(run("ls", "-l", DIST))


if __name__ == "__main__":
    main()
