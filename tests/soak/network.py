"""A network between two namespaces that can be cut."""

import os
import shutil
import subprocess
from contextlib import contextmanager

SUBNET = f"10.213.{os.getpid() % 250}"
LSL = """\
[log]
level = -2
[ports]
IPv6 = disable
[multicast]
ResolveScope = link
[lab]
KnownPeers = {{{peer}}}
SessionID = {session}
[tuning]
TimeUpdateInterval = 0.5
"""


class Network:
    """`ip netns exec` reaches the far side; LSL goes over one wire."""

    def __init__(self, name):
        self.name, self.wire = name, f"{name}-w"[:15]
        self.near, self.far = f"{SUBNET}.1", f"{SUBNET}.2"

    def cut(self):
        ip("link", "set", self.wire, "down")

    def heal(self):
        ip("link", "set", self.wire, "up")

    def configuration(self, path, session, near):
        path.write_text(LSL.format(peer=self.far if near else self.near, session=session))
        return path


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@contextmanager
def network():
    """Yield one, or the reason why there is none."""
    if os.geteuid() != 0:
        yield "it needs root"
        return
    if shutil.which("ip") is None:
        yield "it needs iproute2"
        return
    made = Network(f"soak{os.getpid()}")
    far = ("netns", "exec", made.name, "ip")
    try:
        try:
            ip("netns", "add", made.name)
            ip("link", "add", made.wire, "type", "veth", "peer", "name", "far", "netns", made.name)
            ip("addr", "add", f"{made.near}/24", "dev", made.wire)
            ip("link", "set", made.wire, "up")
            ip(*far, "addr", "add", f"{made.far}/24", "dev", "far")
            ip(*far, "link", "set", "far", "up")
            ip(*far, "link", "set", "lo", "up")
        except subprocess.CalledProcessError as error:
            yield f"the kernel refused ({error.stderr.strip()})"
            return
        yield made
    finally:
        for arguments in (("link", "del", made.wire), ("netns", "del", made.name)):
            subprocess.run(["ip", *arguments], capture_output=True, check=False)
