"""Runs both functions inside an unpacked image, against a local cloud in the same network namespace.

Started by test_image.py under `unshare --net --mount --pid --fork`: there is no network but loopback, and mounts end
with this process. Arguments: the unpacked root, a directory for the rest. Prints what it saw as JSON.
"""

import array
import ctypes
import fcntl
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import time

from cloud import LocalCloud, look_up
from events import push, question
from programs import PATIENCE_SECONDS, free_port

LIBC = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
CAPABILITIES = 64


def raise_loopback():
    with socket.socket() as s:
        request = struct.pack("16sH14x", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(s, 0x8914, array.array("b", request))  # SIOCSIFFLAGS


def mount(source, target, flags, kind=None):
    if LIBC.mount(str(source).encode(), str(target).encode(), kind, flags, None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


def lock_in(root, keeps_user):
    """What a runtime does between fork and exec: the image's root, its user, no capability, none to be had."""
    def enter():
        os.chroot(root)
        os.chdir("/")
        for capability in range(CAPABILITIES):
            LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        if not keeps_user:
            os.setgroups([])
            os.setresgid(65532, 65532, 65532)
            os.setresuid(65532, 65532, 65532)
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
        if LIBC.capset(header, (ctypes.c_uint32 * 6)()) != 0:
            os._exit(97)
        LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return enter


def start(root, function, environment, log, keeps_user):
    port = free_port()
    process = subprocess.Popen(
        ["/twined-functions", function], env={**environment, "HOST": "127.0.0.1", "PORT": str(port)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, preexec_fn=lock_in(root, keeps_user))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process, port
        except OSError:
            time.sleep(0.005)
    raise AssertionError(f"{function} does not listen")


def status_of(process, root):
    lines = (root / f"proc/{process.pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def main(root, directory):
    root, directory = pathlib.Path(root), pathlib.Path(directory)
    keeps_user = len(pathlib.Path("/proc/self/uid_map").read_text().splitlines()) == 1 and \
        pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "1"
    raise_loopback()
    mount("none", "/", MS_REC | MS_PRIVATE)
    cloud = LocalCloud(directory / "cloud")
    # The authority of the pretend Google comes in as a mounted file, as a private one would.
    (root / "authority").mkdir()
    (root / "proc").mkdir()
    mount(root, root, MS_BIND)
    mount("proc", root / "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, b"proc")
    mount(cloud.directory, root / "authority", MS_BIND)
    mount("none", root, MS_REMOUNT | MS_BIND | MS_RDONLY)
    report = {"interfaces": sorted(name for _, name in socket.if_nameindex()), "keepsUser": keeps_user}
    try:
        (root / "x").write_text("x")
        report["root"] = "writable"
    except OSError as error:
        report["root"] = error.strerror
    with open(directory / "functions.log", "wb") as log:
        functions = {}
        for name in ["event-handler", "service-registry"]:
            environment = cloud.environment(name)
            environment["SSL_CERT_FILE"] = "/authority/ca.pem"
            functions[name] = start(root, name, environment, log, keeps_user)
        handler, registry = functions["event-handler"], functions["service-registry"]
        report["push"] = push(handler[1], question(1))
        report["lookUp"] = look_up(registry[1], "/my-org/my-service")
        report["health"] = [look_up(port, "/health")[0] for _, port in functions.values()]
        report["status"] = [
            {name: status_of(process, root)[name]
             for name in ["Uid", "Gid", "CapEff", "CapPrm", "CapBnd", "NoNewPrivs"]}
            for process, _ in functions.values()]
        for process, _ in functions.values():
            process.send_signal(signal.SIGTERM)
        report["exits"] = [process.wait(PATIENCE_SECONDS) for process, _ in functions.values()]
    report["counts"] = {name: cloud.get("/counts")[name] for name in ["rows.distinct", "jobs.created"]}
    report["log"] = (directory / "functions.log").read_text()
    cloud.close()
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
