"""The CPU quota of a control group, read from made-up files of both versions."""

import pytest

from lrncore._processors import quota


@pytest.fixture
def groups(tmp_path):
    """Write a tree of control groups and this process's membership, and return the quota in it."""

    def write(membership, files):
        root = tmp_path / "cgroup"
        root.mkdir()
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "membership").write_text(membership)
        return quota(root, tmp_path / "membership")

    return write


V1 = "12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n"


def v1(folder, limit, period="100000\n"):
    return {f"cpu/{folder}cpu.cfs_quota_us": limit, f"cpu/{folder}cpu.cfs_period_us": period}


QUOTAS = {
    "v2_root": ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
    "v2_own_group": ("0::/a/b\n", {"a/b/cpu.max": "300000 100000\n"}, 3),
    "v2_parent": ("0::/a/b\n", {"a/cpu.max": "100000 100000\n"}, 1),
    "v2_smallest_of_the_path": (
        "0::/a/b\n",
        {"cpu.max": "800000 100000\n", "a/cpu.max": "300000 100000\n", "a/b/cpu.max": "500000 100000\n"},
        3,
    ),
    "v2_other_group": ("0::/a/b\n", {"a/c/cpu.max": "100000 100000\n"}, 0),
    "v2_max": ("0::/\n", {"cpu.max": "max 100000\n"}, 0),
    "v2_max_above_a_limit": ("0::/a\n", {"cpu.max": "max 100000\n", "a/cpu.max": "150000 100000\n"}, 2),
    "v2_rounded_up": ("0::/\n", {"cpu.max": "250001 100000\n"}, 3),
    "v2_part_of_one": ("0::/\n", {"cpu.max": "1000 100000\n"}, 1),
    "v2_other_period": ("0::/\n", {"cpu.max": "100000 50000\n"}, 2),
    "v1_own_group": (V1, v1("docker/abc/", "200000\n"), 2),
    "v1_parent": (V1, v1("docker/", "100000\n"), 1),
    "v1_root": (V1, v1("", "400000\n"), 4),
    "v1_no_limit": (V1, v1("docker/abc/", "-1\n"), 0),
    "v1_no_limit_below_a_limit": (V1, v1("docker/abc/", "-1\n") | v1("docker/", "300000\n"), 3),
    "v1_part_of_one": (V1, v1("docker/abc/", "50000\n"), 1),
    "v1_without_period": (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "100000\n"}, 0),
    "v1_cpuset_is_another_controller": (
        "4:cpuset:/docker/abc\n",
        v1("docker/abc/", "100000\n"),
        0,
    ),
    "both_versions": (
        "1:cpu:/a\n0::/a\n",
        {"a/cpu.max": "300000 100000\n"} | v1("a/", "200000\n"),
        2,
    ),
    "nothing": ("0::/\n", {}, 0),
    "no_membership": ("", {"cpu.max": "200000 100000\n"}, 2),
    "garbage": ("garbage\n0:\n\n", {"cpu.max": "two of them\n"}, 0),
    "empty_file": ("0::/\n", {"cpu.max": ""}, 0),
    "one_word": ("0::/\n", {"cpu.max": "100000\n"}, 0),
    "zero_period": ("0::/\n", {"cpu.max": "100000 0\n"}, 0),
    "colon_in_the_name": ("0::/a:b\n", {"a:b/cpu.max": "200000 100000\n"}, 2),
}


@pytest.mark.parametrize("name", QUOTAS)
def test_quota(name, groups):
    membership, files, expected = QUOTAS[name]
    assert groups(membership, files) == expected


def test_path_cannot_leave_the_tree(groups, tmp_path):
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert groups("0::/../\n", {}) == 0


def test_no_files_at_all(tmp_path):
    assert quota(tmp_path / "cgroup", tmp_path / "membership") == 0
