"""Runs a command as two ranks on two simulated machines, joined by a link with a given rate and delay.

Each machine is a network namespace with a host name of its own. The link is a pair of TUN devices between which this
program carries packets: each direction sends one after the other at the rate, and delivers them after the delay, as
`tc netem rate … delay …` does, for kernels that lack it. It needs to be root, and takes some percent of a processor.

    python3 Benchmarks/two_hosts.py --rate 1 --delay 1 -- .build/release/frostline bench --json

--unplug takes the link away after so many seconds.
"""

import argparse
import ctypes
import fcntl
import heapq
import itertools
import os
import pathlib
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

HOSTS = {"frostline-a": "10.77.0.1", "frostline-b": "10.77.0.2"}
MTU = 65000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1, help="Gbit/s of each direction")
    parser.add_argument("--delay", type=float, default=1, help="milliseconds of each direction")
    parser.add_argument("--unplug", type=float, help="seconds after which no packet arrives any more")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    options.command = options.command[1:] if options.command[:1] == ["--"] else options.command
    return options


def enter(host):
    """Moves this thread into a namespace."""
    with open(f"/run/netns/{host}") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def make(host, address):
    """A namespace whose device link0 leads to the descriptor that is returned."""
    subprocess.run(["ip", "netns", "delete", host], stderr=subprocess.DEVNULL)
    subprocess.run(["ip", "netns", "add", host], check=True)
    device = None

    def open_device():
        nonlocal device
        enter(host)
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"link0", 0x0001 | 0x1000))  # TUNSETIFF: TUN, no header

    thread = threading.Thread(target=open_device)
    thread.start()
    thread.join()
    inside = ["ip", "netns", "exec", host, "ip"]
    subprocess.run(inside + ["link", "set", "lo", "up"], check=True)
    subprocess.run(inside + ["address", "add", f"{address}/24", "dev", "link0"], check=True)
    subprocess.run(inside + ["link", "set", "link0", "mtu", str(MTU), "txqueuelen", "1000", "up"], check=True)
    return device


def carry(devices, rate, delay, until):
    """Carries packets between the two until `until` says that there are no more."""
    free = [0.0, 0.0]
    waiting, order = [], itertools.count()
    poll = select.poll()
    for device in devices:
        poll.register(device, select.POLLIN)
    while not until.is_set():
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, side, packet = heapq.heappop(waiting)
            try:
                os.write(devices[1 - side], packet)
            except OSError:
                pass
        pause = (waiting[0][0] - now) * 1000 if waiting else 50
        if 0 < pause < 1:
            time.sleep(min(pause, 0.05) / 1000)
            pause = 0
        for descriptor, _ in poll.poll(max(0, pause)):
            side = devices.index(descriptor)
            for _ in range(16):
                try:
                    packet = os.read(descriptor, MTU + 64)
                except BlockingIOError:
                    break
                now = time.monotonic()
                free[side] = max(free[side], now) + len(packet) * 8 / (rate * 1e9)
                heapq.heappush(waiting, (free[side] + delay / 1000, next(order), side, packet))


def main():
    options = arguments()
    devices = [make(host, address) for host, address in HOSTS.items()]
    unplugged = threading.Event()
    relay = threading.Thread(target=carry, args=(devices, options.rate, options.delay, unplugged), daemon=True)
    relay.start()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="two-hosts-"))
    agent = folder / "agent"
    names = {address: host for host, address in HOSTS.items()}
    first, second = HOSTS.values()
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    agent.write_text(
        "#!/bin/sh\nshift\n"
        f"exec ip netns exec {names[second]} unshare --uts "
        f"sh -c 'hostname {names[second]}; export TMPDIR={folder}/b; exec sh -c \"$0\"' \"$*\"\n"
    )
    agent.chmod(0o755)
    mpirun = [
        "mpirun", "--allow-run-as-root", "-q", "-host", f"{first},{second}", "-n", "2", "--bind-to", "none",
        "--mca", "plm_rsh_agent", str(agent), "--mca", "btl", "self,tcp", "--mca", "btl_tcp_if_include", "link0",
        "--mca", "oob_tcp_if_include", "link0",
        # So that mpirun itself notices within half a minute that a machine is gone.
        "--mca", "oob_tcp_keepalive_time", "10", "--mca", "oob_tcp_keepalive_intvl", "5",
        "--mca", "oob_tcp_keepalive_probes", "3",
    ]  # fmt: skip
    inner = f'hostname {names[first]}; export TMPDIR={folder}/a; exec "$@"'
    command = ["ip", "netns", "exec", names[first], "unshare", "--uts", "sh", "-c", inner, "sh"] + mpirun
    started = time.monotonic()
    process = subprocess.Popen(command + options.command)
    if options.unplug is not None:
        try:
            process.wait(options.unplug)
        except subprocess.TimeoutExpired:
            unplugged.set()
            print(f"unplugged after {time.monotonic() - started:.1f} s", file=sys.stderr)
    code = process.wait()
    print(f"ended with {code} after {time.monotonic() - started:.1f} s", file=sys.stderr)
    unplugged.set()
    relay.join()
    for host in HOSTS:
        subprocess.run(["ip", "netns", "delete", host])
    shutil.rmtree(folder, ignore_errors=True)
    return code


sys.exit(main())
