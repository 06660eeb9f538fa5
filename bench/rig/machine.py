"""What the numbers were measured on and with."""

import json
import os
import platform
import re
import shutil

from harness import commands

_UNKNOWN = "an unknown commit"


def described(build):
    """Lines of text."""
    cpu = re.search(r"model name\s*: (.*)", _file("/proc/cpuinfo"))[1]
    memory_kb = int(re.search(r"MemTotal: +(\d+)", _file("/proc/meminfo"))[1])
    lines = [f"{os.cpu_count()} cores of {cpu}, {memory_kb / (1 << 20):.0f} GiB, "
             f"Linux {platform.release()}, {_virtualisation()}",
             f"load at the start: {_file('/proc/loadavg').split()[0]}",
             f"millrace at {commit(build)}, {_build_options(build)}"]
    lines += [f"{name} {version}" for name, version in _packages().items()]
    return lines


def _file(path):
    with open(path) as file:
        return file.read()


def _virtualisation():
    return "a virtual machine" if " hypervisor" in _file("/proc/cpuinfo") else "no hypervisor"


def commit(build):
    """Of the sources that the build directory is made from, which need not be the rig's own."""
    about = json.loads((build / "meson-info" / "meson-info.json").read_text())
    source = about["directories"]["source"]
    if shutil.which("git") is None:
        return _UNKNOWN
    done = commands.run(["git", "-c", f"safe.directory={source}", "-C", source, "describe", "--always",
                         "--dirty"], check=False)
    return done.stdout.strip() or _UNKNOWN


def _build_options(build):
    options = {option["name"]: option["value"]
               for option in _introspected(build, "--buildoptions")}
    chosen = ("buildtype", "optimization", "march", "b_lto", "b_pgo")
    compiler = _introspected(build, "--targets")[0]["target_sources"][0]["compiler"]
    version = commands.run([*compiler, "--version"]).stdout.splitlines()[0]
    return ", ".join([version, *(f"{name}={options[name]}" for name in chosen)])


def _introspected(build, what):
    return json.loads(commands.run(["meson", "introspect", what, build]).stdout)


def _packages():
    names = ("dpdk", "nginx", "wrk", "iperf3")
    shown = commands.run(["dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n", *names])
    return dict(line.split() for line in shown.stdout.splitlines())
