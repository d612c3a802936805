"""The image: what is in it, that it is the same each time, and that both functions run in it locked in."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile

import pytest

from events import log_lines
from programs import PATIENCE_SECONDS, ROOT


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS * 4, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


class Image:
    def __init__(self, directory):
        self.directory = directory
        run(ROOT / "scripts/image", str(directory))
        self.layout = directory / "image"
        self.archive = directory / "image.tar"
        index = json.loads((self.layout / "index.json").read_text())
        assert len(index["manifests"]) == 1
        self.digest = index["manifests"][0]["digest"]
        self.manifest = json.loads(self.blob(self.digest).read_text())
        self.config = json.loads(self.blob(self.manifest["config"]["digest"]).read_text())

    def blob(self, digest):
        return self.layout / "blobs" / digest.replace(":", "/")

    def members(self):
        assert len(self.manifest["layers"]) == 1
        with tarfile.open(self.blob(self.manifest["layers"][0]["digest"])) as layer:
            return layer.getmembers()


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return Image(tmp_path_factory.mktemp("image"))


def test_two_builds_give_the_same_bytes(image, tmp_path):
    again = Image(tmp_path)
    assert again.digest == image.digest
    assert again.archive.read_bytes() == image.archive.read_bytes()


def test_it_is_small_whether_packed_or_not(image):
    assert image.archive.stat().st_size <= 14_000_000
    assert sum(member.size for member in image.members()) <= 14_000_000


def test_it_holds_the_program_and_the_authorities_and_nothing_else(image):
    members = {os.path.normpath(member.name): member for member in image.members()}
    assert members.pop("twined-functions").mode & 0o777 == 0o755
    for directory in [".", "etc", "etc/ssl", "etc/ssl/certs"]:
        assert members.pop(directory).isdir()
    certificates = {name for name, member in members.items() if member.isfile()}
    links = {name for name, member in members.items() if member.issym()}
    assert certificates | links == set(members)
    assert len(certificates) > 100
    for name in certificates:
        assert re.fullmatch(r"etc/ssl/certs/[^/]+\.pem", name)
        assert members[name].mode & 0o777 == 0o644
    assert {f"etc/ssl/certs/{members[name].linkname}" for name in links} == certificates
    assert all(re.fullmatch(r"etc/ssl/certs/[0-9a-f]{8}\.\d+", name) for name in links)
    for member in image.members():
        assert (member.uid, member.gid) == (0, 0), "the function's user owns nothing"
        assert not member.mode & 0o022 or member.issym(), "nobody but root may write"


def test_its_settings_follow_the_oci_conventions(image):
    config = image.config["config"]
    assert image.config["os"] == "linux"
    assert config["Entrypoint"] == ["/twined-functions"]
    assert "Cmd" not in config, "FUNCTION_TARGET or an argument names the function"
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", config["User"]), "a number, since there is no /etc/passwd"
    assert config["Env"] == ["SSL_CERT_DIR=/etc/ssl/certs"]
    labels = config["Labels"]
    prefix = "org.opencontainers.image."
    assert {name.removeprefix(prefix) for name in labels} == {
        "title", "description", "licenses", "version", "revision", "created"}
    assert labels[prefix + "version"] == (ROOT / "VERSION").read_text().strip()
    assert labels[prefix + "licenses"] == "Apache-2.0"
    assert labels == image.manifest["annotations"]
    assert image.config["created"] == labels[prefix + "created"]


def test_the_tools_that_publish_it_can_read_it(image):
    for source in [f"oci-archive:{image.archive}", f"oci:{image.layout}"]:
        assert json.loads(run("skopeo", "inspect", source))["Digest"] == image.digest


def test_a_certificate_is_found_by_its_hash_alone(image, tmp_path):
    run("umoci", "unpack", *rootless(), "--image", f"{image.layout}:{version()}", str(tmp_path / "bundle"))
    directory = tmp_path / "bundle/rootfs/etc/ssl/certs"
    shared = {link.stem for link in directory.glob("*.1")}  # Two authorities of one name.
    certificates = [str(link) for link in sorted(directory.glob("*.0")) if link.stem not in shared]
    output = run("openssl", "verify", "-no-CAfile", "-no_check_time", "-CApath", str(directory), *certificates)
    assert output.count(": OK") == len(certificates) > 100


def test_the_dockerfile_says_the_same(image):
    text = (ROOT / "deploy/Dockerfile").read_text().split("FROM scratch", 1)[1].replace("\\\n", " ")
    config = image.config["config"]
    instructions = dict(line.split(" ", 1) for line in text.splitlines() if re.match(r"[A-Z]+ ", line) and
                        not line.startswith("ARG"))
    assert json.loads(instructions["ENTRYPOINT"]) == config["Entrypoint"]
    assert instructions["USER"] == config["User"]
    assert instructions["WORKDIR"] == config["WorkingDir"]
    assert instructions["STOPSIGNAL"] == config["StopSignal"]
    assert [instructions["ENV"]] == config["Env"]
    assert {instructions["EXPOSE"]: {}} == config["ExposedPorts"]
    labels = dict(re.findall(r'(org\.[\w.]+)="([^"]*)"', instructions["LABEL"]))
    assert set(labels) == set(config["Labels"])
    for name in ["title", "description", "licenses"]:
        full = f"org.opencontainers.image.{name}"
        assert labels[full] == config["Labels"][full]
    assert instructions["COPY"].endswith("/root-of-image/ /")


def version():
    return (ROOT / "VERSION").read_text().strip()


def rootless():
    return [] if os.geteuid() == 0 else ["--rootless"]


def test_both_functions_run_in_it_locked_in(image, tmp_path):
    bundle = tmp_path / "bundle"
    run("umoci", "unpack", *rootless(), "--image", f"{image.layout}:{version()}", str(bundle))
    (tmp_path / "cloud").mkdir()
    own_user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    output = run("unshare", *own_user, "--net", "--mount", "--pid", "--fork", sys.executable,
                 str(pathlib.Path(__file__).with_name("in_image.py")), str(bundle / "rootfs"), str(tmp_path))
    report = json.loads(output)
    assert report["interfaces"] == ["lo"]
    assert report["root"] == "Read-only file system"
    assert report["push"] == [200, "OK"]
    assert report["lookUp"] == [200, '{"revision_tag":"0.1.0"}\n']
    assert report["health"] == [200, 200]
    assert report["counts"] == {"rows.distinct": 1, "jobs.created": 1}
    for status in report["status"]:
        assert status["CapEff"] == status["CapPrm"] == "0" * 16
        assert status["NoNewPrivs"] == "1"
        if not report["keepsUser"]:
            assert status["Uid"].split() == status["Gid"].split() == ["65532"] * 4
            assert status["CapBnd"] == "0" * 16
    assert report["exits"] == [0, 0]
    lines = log_lines(report["log"])
    assert not [line for line in lines if line["severity"] not in ("INFO", "DEBUG")], lines
