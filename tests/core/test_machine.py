"""Limits of containers, as the kernel's files tell them."""

import os

import pytest

from wisp.core import machine
from wisp.core.machine import (
    address_space_left,
    cores,
    cpu_quota,
    has_dot_products,
    memory,
    memory_limit,
)


def tree(root, **files):
    """A file system with these files; dots in names stand for themselves, double underlines for slashes."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


CASES = {
    "version 2, in a container": (
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cpu.max": "200000 100000\n",
            "sys/fs/cgroup/memory.max": "4294967296\n",
        },
        2.0,
        4 * 2**30,
    ),
    "version 2, the tightest of the groups above counts": (
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            "sys/fs/cgroup/a/memory.max": "max\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n",
            "sys/fs/cgroup/a/b/memory.high": "1073741824\n",
        },
        1.5,
        2**30,
    ),
    "version 1, in a container that sees the host's path": (
        {
            "proc/self/cgroup": "9:memory:/docker/f00\n4:cpu,cpuacct:/docker/f00\n1:name=systemd:/\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
        },
        0.5,
        2**29,
    ),
    "version 1 without limits": (
        {
            "proc/self/cgroup": "9:memory:/\n4:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
        None,
        None,
    ),
    "both versions": (
        {
            "proc/self/cgroup": "9:memory:/x\n0::/x\n",
            "sys/fs/cgroup/unified/x/cpu.max": "300000 100000\n",
            "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "1000000\n",
        },
        3.0,
        1_000_000,
    ),
    "no control groups": ({}, None, None),
    "rubbish": (
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "\n", "sys/fs/cgroup/memory.max": "x"},
        None,
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_control_groups(tmp_path, case):
    files, quota, limit = CASES[case]
    tree(tmp_path, **files)
    assert cpu_quota(tmp_path) == quota
    assert memory_limit(tmp_path) == limit


@pytest.mark.parametrize(("quota", "expected"), [(None, 8), (0.2, 1), (2.0, 2), (2.1, 3), (64.0, 8)])
def test_cores_are_those_of_the_quota_rounded_up(monkeypatch, quota, expected):
    monkeypatch.setattr(machine, "cpu_quota", lambda: quota)
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    else:
        monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert cores() == expected


def test_memory_is_the_least_of_the_limits(monkeypatch):
    for name, limit in (("_physical", 16), ("_address_space", 8), ("memory_limit", 4)):
        monkeypatch.setattr(machine, name, lambda limit=limit: limit * 2**30)
    assert memory() == 4 * 2**30
    monkeypatch.setattr(machine, "memory_limit", lambda: None)
    assert memory() == 8 * 2**30
    for name in ("_physical", "_address_space"):
        monkeypatch.setattr(machine, name, lambda: None)
    assert memory() == 8 * 2**30


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="there are no pages to ask for")
def test_address_space_left_is_the_limit_less_what_is_mapped(tmp_path, monkeypatch):
    page = os.sysconf("SC_PAGE_SIZE")
    root = tree(tmp_path, **{"proc/self/statm": "100 60 8 1 0 70 0\n"})
    for limit, expected in ((250, 150), (90, 0)):
        monkeypatch.setattr(machine, "_address_space", lambda limit=limit: limit * page)
        assert address_space_left(root) == expected * page
    assert address_space_left(tmp_path / "elsewhere") is None
    monkeypatch.setattr(machine, "_address_space", lambda: None)
    assert address_space_left(root) is None


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_vnni\n", True),
        ("flags : fpu avx2 avx_vnni\n", True),
        ("Features : fp asimd asimddp\n", True),
        ("flags : fpu avx avx2 avx512f\n", False),
        ("model name : vnni avx512_vnni\n", False),
    ],
)
def test_dot_products(tmp_path, cpuinfo, expected):
    assert has_dot_products(tree(tmp_path, **{"proc/cpuinfo": cpuinfo})) == expected


def test_dot_products_by_numpy_where_linux_says_nothing(tmp_path, monkeypatch):
    import numpy as np

    found = ["AVX2", "AVX512_ICL"]
    monkeypatch.setattr(np, "show_config", lambda mode: {"SIMD Extensions": {"found": found}})
    assert has_dot_products(tmp_path)
    found.clear()
    assert not has_dot_products(tmp_path)
    monkeypatch.setattr(np, "show_config", lambda mode: {})
    assert not has_dot_products(tmp_path)
