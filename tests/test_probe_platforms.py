"""A Mac, a Windows laptop, odd CPUs and file formats, from recorded answers."""

from __future__ import annotations

import ctypes
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from probe_capture import load_probe, recorded_machine, tree

probe = load_probe()

BUILD_INFO = "import collections\nbuild_info = collections.OrderedDict([%s])\n"
CPU_BUILD = BUILD_INFO % "('is_cuda_build', False), ('is_rocm_build', False), ('is_tensorrt_build', False)"
CUDA_BUILD = BUILD_INFO % (
    "('cpu_compiler', 'clang-17'), ('cuda_compute_capabilities', ['sm_60', 'compute_90']), ('cuda_version', '12.5.1'),"
    " ('cudnn_version', '9'), ('is_cuda_build', True), ('is_rocm_build', False), ('is_tensorrt_build', False)"
)


def packages(site: str, names: dict[str, str], provider: str) -> dict[str, str | bytes]:
    """Files of installed distributions; `provider` is the one that brings the tensorflow package."""
    files: dict[str, str | bytes] = {f"{site}/tensorflow/__init__.py": ""}
    for name, version in names.items():
        folder = f"{site}/{name}-{version}.dist-info"
        files[f"{folder}/METADATA"] = f"Name: {name}\nVersion: {version}\n"
        files[f"{folder}/RECORD"] = f"{name}/x.py,,\n" + ("tensorflow/__init__.py,,\n" if name == provider else "")
    return files


def gathered(machine: str, root: Path, env: dict[str, str], site: str) -> Any:
    world = probe.World("static", recorded_machine(probe, machine), probe.Files(str(root)), env=env, path=[site])
    return probe.gather(world)


@pytest.fixture(scope="module")
def mac(tmp_path_factory) -> Any:
    site = "/Users/alice/venv/lib/python3.11/site-packages"
    files = packages(site, {"tensorflow_macos": "2.15.0", "tensorflow_metal": "1.1.0"}, "tensorflow_macos")
    files[f"{site}/tensorflow-plugins/libmetal_plugin.dylib"] = b""
    files[f"{site}/tensorflow/python/platform/build_info.py"] = CPU_BUILD
    files["/etc/localtime"] = "-> /var/db/timezone/zoneinfo/Europe/Berlin"
    root = tree(tmp_path_factory.mktemp("mac"), files)
    return gathered("mac-m1", root, {"HOME": "/Users/alice", "LANG": "de_DE.UTF-8"}, site)


def test_a_mac_with_metal(mac: Any) -> None:
    facts = mac.facts
    assert facts["os.system"] == "Darwin"
    assert facts["os.distribution"] == "macos 14.1.1"
    assert facts["os.timezone"] == "Europe/Berlin"
    assert facts["cpu.vendor"] == "Apple"
    assert facts["cpu.model"] == "Apple M1"
    assert facts["cpu.flags"] == ["asimd", "asimddp", "asimdfhm", "asimdhp", "atomics"]
    assert facts["cpu.cache.l2"] == 4 << 20
    assert facts["tensorflow.distribution"] == "tensorflow-macos"
    assert facts["tensorflow.variant"] == "metal"
    assert facts["tensorflow.plugins"] == ["libmetal_plugin.dylib"]
    assert facts["gpu.count"] == 0


def test_mapped_mac_libraries_are_named_without_the_user(mac: Any) -> None:
    assert mac.facts["libraries.libtensorflow_framework.version"] == "2"
    assert mac.facts["libraries.libtensorflow_framework.path"].startswith("~/venv/")
    assert "libraries.Accelerate.path" in mac.facts
    assert not [path for path in mac.facts if path.startswith("libraries.libSystem")]


@pytest.fixture(scope="module")
def windows(tmp_path_factory) -> Any:
    site = "C:/Users/bob/venv/Lib/site-packages"
    names = {"tensorflow": "2.10.0", "tensorflow_intel": "2.10.0", "tensorflow_directml_plugin": "0.4.0"}
    files = packages(site, names, "tensorflow_intel")
    files[f"{site}/tensorflow-plugins/directml/tfdml_plugin.dll"] = b""
    files[f"{site}/tensorflow/python/platform/build_info.py"] = CPU_BUILD
    root = tree(tmp_path_factory.mktemp("windows"), files)
    return gathered("windows-laptop", root, {"USERPROFILE": "C:\\Users\\bob"}, "/" + site)


def test_a_windows_laptop_with_directml(windows: Any) -> None:
    facts = windows.facts
    assert facts["os.system"] == "Windows"
    assert facts["os.distribution"] == "windows 23H2"
    assert facts["os.libc.name"] == "ucrt"
    assert facts["cpu.vendor"] == "GenuineIntel"
    assert facts["cpu.model"] == "11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz"
    assert (facts["cpu.family"], facts["cpu.model_number"], facts["cpu.stepping"]) == (6, 140, 1)
    assert facts["tensorflow.distribution"] == "tensorflow-intel"
    assert facts["tensorflow.variant"] == "directml"
    assert facts["gpu.count"] == 0


def test_windows_tells_only_some_cpu_flags_and_that_is_said(windows: Any) -> None:
    assert "avx512f" in windows.facts["cpu.known_flags"]
    assert "cpu.flags" not in windows.facts
    assert "only some" in windows.unread["cpu.flags"]


def test_mapped_windows_libraries(windows: Any) -> None:
    assert windows.facts["libraries.libopenblas64_.version"] == "0.3.21"
    assert windows.facts["libraries._pywrap_tensorflow_internal.path"].startswith("~\\venv\\")
    assert "libraries.ucrtbase.path" in windows.facts
    assert windows.facts["cuda.mapped.libcudart"] == "101"
    assert not [path for path in windows.facts if "kernel32" in path]


ARM = """processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd evtstrm aes bf16 i8mm sve
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd40
CPU revision\t: 1

processor\t: 1
"""


def test_an_arm_server(tmp_path: Path) -> None:
    tree(
        tmp_path, {"proc/cpuinfo": ARM, "proc/self/cgroup": "0::/a/b\n", "proc/self/status": "Cpus_allowed_list:\t0\n"}
    )
    tree(tmp_path, {"sys/fs/cgroup/a/cpu.max": "150000 100000\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"})

    class Arm(probe.Machine):  # type: ignore[misc, name-defined]
        def release(self) -> tuple[str, str]:
            return "6.1.0", "aarch64"

    world = probe.World("static", Arm(), host=probe.Files(str(tmp_path)), env={}, path=[])
    record = probe.Record()
    probe.read_cpu(world, record)
    assert record.facts["cpu.vendor"] == "ARM"
    assert record.facts["cpu.model"] == "0xd40"
    assert record.facts["cpu.stepping"] == "0x1.1"
    assert record.facts["cpu.flags"] == ["aes", "asimd", "bf16", "evtstrm", "fp", "i8mm", "sve"]
    assert record.facts["cpu.quota"] == 1.5


def test_the_first_generation_of_cgroups(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup/cpu/docker/x"
    tree(tmp_path, {f"{folder}/cpu.cfs_quota_us": "50000\n", f"{folder}/cpu.cfs_period_us": "100000\n"})
    tree(tmp_path, {"proc/self/cgroup": "4:cpu,cpuacct:/docker/x\n1:name=systemd:/\n"})
    world = probe.World("static", host=probe.Files(str(tmp_path)), env={}, path=[])
    assert probe.cpu_quota(world) == 0.5


@pytest.mark.parametrize(("text", "count"), [("0-3", 4), ("0", 1), ("0-3,8,10-11", 7)])
def test_cpu_lists_are_counted(text: str, count: int) -> None:
    assert probe.count_range(text) == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CUDA_BUILD, {"cuda_version": "12.5.1", "cudnn_version": "9", "is_cuda_build": True}),
        (CPU_BUILD, {"cuda_version": None, "is_cuda_build": False}),
        ("build_info = {'cuda_version': '10.1', 'is_cuda_build': True}\n", {"cuda_version": "10.1"}),
        ("is_cuda_build = True\ncuda_version_number = '10.1'\n", {"cuda_version": "10.1", "is_cuda_build": True}),
        ("import os\nx = os.name\n", {"cuda_version": None}),
    ],
)
def test_every_layout_of_build_info(text: str, expected: dict[str, Any]) -> None:
    parsed = probe.parse_build_info(text)
    assert {name: parsed[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("file", "name", "version"),
    [
        ("libtensorflow_cc.so.2", "libtensorflow_cc", "2"),
        ("libhdf5-8c29085d.so.310.5.1", "libhdf5", "310.5.1"),
        ("libgfortran-040039e1-0352e75f.so.5.0.0", "libgfortran", "5.0.0"),
        ("libscipy_openblas64_-32a4b2a6.so", "libscipy_openblas64_", None),
        ("libc-2.31.so", "libc", "2.31"),
        ("libcuda.so.535.104.05", "libcuda", "535.104.05"),
        ("ld-musl-x86_64.so.1", "ld-musl-x86_64", "1"),
        ("libtensorflow_framework.2.dylib", "libtensorflow_framework", "2"),
        ("libopenblas64__v0.3.21-gcc_10_3_0.dll", "libopenblas64_", "0.3.21"),
        ("ucrtbase.dll", "ucrtbase", None),
        ("cudart64_101.dll", "cudart64", "101"),
    ],
)
def test_library_names(file: str, name: str, version: str | None) -> None:
    assert probe.library_name(file) == (name, version)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide", [True, False])
def test_build_ids_of_every_kind_of_elf(order: str, wide: bool) -> None:
    note = struct.pack(order + "III", 4, 20, 3) + b"GNU\0" + bytes(range(20))
    other = struct.pack(order + "III", 4, 8, 1) + b"GNU\0" + bytes(8)
    body = other + note
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2]) + bytes(10)
    if wide:
        header = struct.pack(order + "HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        entry = struct.pack(order + "IIQQQQQQ", 4, 4, 120, 0, 0, len(body), len(body), 4)
    else:
        header = struct.pack(order + "HHIIIIIHHHHHH", 3, 3, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
        entry = struct.pack(order + "IIIIIIII", 4, 84, 0, 0, len(body), len(body), 4, 4)
    assert probe.gnu_build_id(ident + header + entry + body) == bytes(range(20)).hex()
    assert probe.gnu_build_id((ident + header + entry)[:70]) is None


def test_packages_of_every_form(tmp_path: Path) -> None:
    site = "/site"
    tree(
        tmp_path,
        {
            f"{site}/Zope.Interface-5.0.dist-info/METADATA": "Name: zope.interface\n",
            f"{site}/bare.dist-info/METADATA": "Metadata-Version: 2.1\nName: bare\nVersion: 3.1\n\nVersion: 9\n",
            f"{site}/old_one-1.2-py3.8.egg-info": "Name: old_one\nVersion: 1.2\n",
            f"{site}/linked.egg-link": "/src/linked\n.",
            "/src/linked/linked.egg-info/PKG-INFO": "Name: linked\nVersion: 0.3\n",
            f"{site}/mine-1.0.dist-info/direct_url.json": '{"url": "file:///w", "dir_info": {"editable": true}}',
            f"{site}/theirs-1.0.dist-info/direct_url.json": '{"url": "https://x/y.whl", "archive_info": {}}',
            f"{site}/broken-1.0.dist-info/direct_url.json": "{",
            "/second/zope_interface-4.0.dist-info/METADATA": "",
        },
    )
    world = probe.World("static", files=probe.Files(str(tmp_path)), env={}, path=[site, "/second"])
    record = probe.Record()
    probe.read_packages(world, record)
    versions = {path[len("packages.") :]: v for path, v in record.facts.items() if path.startswith("packages.")}
    assert versions == {
        "zope-interface": "5.0",
        "bare": "3.1",
        "old-one": "1.2",
        "linked": "0.3",
        "mine": "1.0",
        "theirs": "1.0",
        "broken": "1.0",
    }
    origins = {path: value for path, value in record.facts.items() if path.startswith("origins.")}
    assert origins == {"origins.linked": "editable", "origins.mine": "editable", "origins.theirs": "url"}


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("git", "origin"),
    [
        ({"HEAD": "ref: refs/heads/main\n", "refs/heads/main": COMMIT + "\n"}, "editable 0123456789ab"),
        ({"HEAD": "ref: refs/heads/a/b", "packed-refs": f"# pack\n{COMMIT} refs/heads/a/b\n"}, "editable 0123456789ab"),
        ({"HEAD": COMMIT}, "editable 0123456789ab"),
        ({"HEAD": "ref: refs/heads/unborn"}, "editable"),
        ({"HEAD": "ref: refs/../../../secret", "refs/../../../secret": "hunter2"}, "editable"),
        ({"HEAD": "no commit"}, "editable"),
    ],
)
def test_the_commit_of_a_source_tree(tmp_path: Path, git: dict[str, str], origin: str) -> None:
    """The package may lie in a folder of the repository; a repository around that one does not count."""
    said = {"url": "file:///my%20code/models/research", "dir_info": {"editable": True}}
    around = {"/my code/.git/HEAD": "f" * 40, "/my code/models/.git/config": ""}
    tree(tmp_path, {**around, **{f"/my code/models/.git/{name}": text for name, text in git.items()}})
    assert probe.origin_of(probe.Files(str(tmp_path)), json.dumps(said)) == origin


def test_the_commit_of_a_package_from_a_repository(tmp_path: Path) -> None:
    files = probe.Files(str(tmp_path))
    said = {"url": "https://u:p@example.com/x", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
    assert probe.origin_of(files, json.dumps(said)) == "vcs 0123456789ab"
    for other in ({"commit_id": "hunter2"}, {"commit_id": COMMIT + "0"}, None):
        assert probe.origin_of(files, json.dumps({**said, "vcs_info": other})) == "vcs"


def test_commits_of_the_code_that_a_program_runs(tmp_path: Path) -> None:
    """Neither a repository around an interpreter counts, nor one without a commit, nor the one of a home directory."""
    trees = {"w/models": COMMIT, "w/mine": "f" * 40, "w/again": COMMIT, "w/pyenv": "e" * 40, "home/ada": "d" * 40}
    tree(tmp_path, {f"/{name}/.git/HEAD": head for name, head in trees.items()})
    tree(tmp_path, {"/w/fresh/.git/HEAD": "ref: refs/heads/main"})
    folders = [
        "/w/models/research", "/w/models/research/slim/", "/w/again", "/w/mine", "/w/pyenv/lib/python3.11",
        "/w/mine/venv/dist-packages", "/w/fresh", "/home/ada/bin", "/w/none", "relative", "",
    ]  # fmt: skip
    assert probe.commits_of(probe.Files(str(tmp_path)), folders) == ["0123456789ab", "ffffffffffff"]


def test_a_library_replaced_after_the_installation_is_named(tmp_path: Path) -> None:
    digest = "u51qfB6l970bkds2Jy0oFRXYs_in9A1yM-s5qdmKTFs"
    record_file = (
        f"tensorflow/__init__.py,,\ntensorflow/libtensorflow_cc.so.2,sha256={digest},5\n"
        f"tensorflow/libtensorflow_framework.so.2,sha256={digest},5\ntensorflow/python/_x.so,sha256={digest},7\n"
    )
    tree(
        tmp_path,
        {
            "/site/tensorflow/__init__.py": "",
            "/site/tensorflow/libtensorflow_cc.so.2": b"12345",
            "/site/tensorflow/libtensorflow_framework.so.2": b"1234567",
            "/site/tensorflow_cpu-2.12.1.dist-info/RECORD": record_file,
        },
    )
    world = probe.World("static", files=probe.Files(str(tmp_path)), env={}, path=["/site"])
    record = probe.Record()
    probe.read_tensorflow(world, record)
    assert record.facts["tensorflow.record.libtensorflow_cc"].startswith("bb9d6a7c1ea5f7bd")
    assert record.facts["tensorflow.record.altered"] == [
        "tensorflow/libtensorflow_framework.so.2",
        "tensorflow/python/_x.so (missing)",
    ]


@pytest.mark.parametrize(
    ("env", "config", "expected"),
    [
        ({}, None, {"backend": "tensorflow", "floatx": "float32", "epsilon": 1e-7, "config_file": False}),
        (
            {"KERAS_BACKEND": "jax"},
            '{"backend": "torch", "floatx": "float64"}',
            {"backend": "jax", "floatx": "float64"},
        ),
        ({}, '{"backend": "torch", "epsilon": 1e-3}', {"backend": "torch", "epsilon": 1e-3, "config_file": True}),
        ({}, "{", {"floatx": "float32", "config_file": True}),
        (
            {"TF_USE_LEGACY_KERAS": "1"},
            None,
            {"legacy": True, "package": "tf_keras", "generation": 2, "version": "2.17.0"},
        ),
        ({"TF_USE_LEGACY_KERAS": "TRUE"}, None, {"legacy": False, "package": "keras", "generation": 3}),
    ],
)
def test_keras_settings_without_keras(tmp_path: Path, env, config, expected) -> None:
    files = packages("/site", {"tensorflow": "2.17.0", "keras": "3.5.0", "tf_keras": "2.17.0"}, "tensorflow")
    if config is not None:
        files["/home/a/.keras/keras.json"] = config
    tree(tmp_path, files)
    env = {"HOME": "/home/a", **env}
    world = probe.World("static", files=probe.Files(str(tmp_path)), env=env, path=["/site"])
    record = probe.Record()
    probe.read_keras(world, record)
    assert {name: record.facts["keras." + name] for name in expected} == expected


@pytest.mark.parametrize(("version", "backend"), [("2.3.1", "theano"), ("2.4.3", "tensorflow")])
def test_old_keras_of_its_own_had_other_backends(tmp_path: Path, version: str, backend: str) -> None:
    files = packages("/site", {"tensorflow": "2.2.0", "keras": version}, "tensorflow")
    tree(tmp_path, {**files, "/home/a/.keras/keras.json": '{"backend": "theano"}'})
    world = probe.World("static", files=probe.Files(str(tmp_path)), env={"HOME": "/home/a"}, path=["/site"])
    record = probe.Record()
    probe.read_keras(world, record)
    assert record.facts["keras.backend"] == backend


class FakeNvml:
    """One GPU that knows all answers but MIG, as NVML's functions give them: through pointers, 0 for success."""

    def __getattr__(self, name: str) -> Any:
        def answer(*arguments: Any) -> int:
            if name == "nvmlSystemGetDriverVersion":
                arguments[0].value = b"535.104.05"
            elif name == "nvmlDeviceGetName":
                arguments[1].value = b"NVIDIA A100-SXM4-40GB"
            elif name == "nvmlSystemGetCudaDriverVersion_v2":
                arguments[0]._obj.value = 12020
            elif name == "nvmlDeviceGetCount_v2":
                arguments[0]._obj.value = 1
            elif name == "nvmlDeviceGetCudaComputeCapability":
                arguments[1]._obj.value, arguments[2]._obj.value = 8, 0
            elif name == "nvmlDeviceGetMemoryInfo":
                arguments[1]._obj[0] = 40 << 30
            return 3 if name == "nvmlDeviceGetMigMode" else 0

        return answer


def gpu_record(tmp_path: Path, answers: Any) -> Any:
    class Machine(probe.Machine):  # type: ignore[misc, name-defined]
        system = "Linux"

        def nvml(self) -> Any:
            return answers()

    version = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n"
    tree(tmp_path, {"proc/driver/nvidia/version": version})
    tree(tmp_path, {"proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA A100\nGPU UUID: GPU-1\n"})
    world = probe.World("static", Machine(), host=probe.Files(str(tmp_path)), env={}, path=[])
    record = probe.Record()
    probe.read_gpu(world, record)
    return record


def test_the_gpu_of_a_tegra_board_is_none_of_nvml_s(tmp_path: Path) -> None:
    release = (
        "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t186ref, EABI: aarch64, DATE: Sat Feb 19 17:07:00\n"
    )
    files = {"/dev/nvhost-gpu": "", "/proc/device-tree/model": "quill\0", "/etc/nv_tegra_release": release}
    tree(tmp_path, files)
    world = probe.World("static", LinuxMachine(), host=probe.Files(str(tmp_path)), env={}, path=[])
    record = probe.Record()
    probe.read_gpu(world, record)
    assert record.facts == {"gpu.amd.count": 0, "gpu.count": 1, "gpu.0.name": "quill", "gpu.driver": "L4T 32.7.1"}
    assert "Tegra" in record.unread["gpu.0.compute_capability"]


class LinuxMachine(probe.Machine):  # type: ignore[misc, name-defined]
    system = "Linux"

    def nvml(self) -> Any:
        raise AssertionError("there is no management library to ask")


def test_a_gpu_is_told_by_nvml(tmp_path: Path) -> None:
    record = gpu_record(tmp_path, lambda: probe.nvml_facts(FakeNvml(), ctypes))
    assert record.unread == {}
    assert record.facts == {
        "gpu.amd.count": 0,
        "gpu.count": 1,
        "gpu.driver": "535.104.05",
        "gpu.cuda_driver_version": "12.2",
        "gpu.0.name": "NVIDIA A100-SXM4-40GB",
        "gpu.0.compute_capability": "8.0",
        "gpu.0.memory": 40 << 30,
    }


def test_a_driver_that_may_not_be_asked_is_unread_not_absent(tmp_path: Path) -> None:
    def refuse() -> Any:
        raise probe.Unread("no permission to ask the NVIDIA driver")

    record = gpu_record(tmp_path, refuse)
    assert record.unread["gpu"].endswith("(NVML) failed: no permission to ask the NVIDIA driver")
    assert record.facts == {"gpu.amd.count": 0, "gpu.driver": "535.104.05", "gpu.0.name": "NVIDIA A100"}
