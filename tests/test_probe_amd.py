"""AMD's GPUs from the sysfs of a machine that has two of different generations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from probe_capture import RECORDED, load_probe, tree

probe = load_probe()

NODES = "/sys/devices/virtual/kfd/kfd/topology/nodes"
FIRST = {"compute_units": 36, "device": "0x67df", "gfx": "gfx803"}
SECOND = {"compute_units": 60, "device": "0x66af", "gfx": "gfx906"}


def two_cards() -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = yaml.safe_load((RECORDED / "amd-two-cards.yaml").read_text())["files"]
    return files


class Linux(probe.Machine):  # type: ignore[misc, name-defined]
    system = "Linux"

    def nvml(self) -> Any:
        raise AssertionError("there is nothing of NVIDIA's to ask")


def laid_out(root: Path, files: dict[str, str | bytes]) -> Any:
    # Links first: what lies below a linked folder is written through it.
    for links in (False, True):
        tree(root, {name: text for name, text in files.items() if str(text).startswith("-> ") is links})
    return probe.Files(str(root))


def recorded(host: Any, files: Any = None, mode: str = "static") -> Any:
    world = probe.World(mode, Linux(), files, host, env={}, path=[])
    record = probe.Record()
    probe.run_section("gpu", probe.read_gpu, world, record)
    return record


def numbered(*cards: dict[str, Any]) -> dict[str, Any]:
    return {f"gpu.amd.{at}.{name}": value for at, card in enumerate(cards) for name, value in card.items()}


def test_cards_are_told_in_the_order_of_rocm(tmp_path: Path) -> None:
    record = recorded(laid_out(tmp_path, two_cards()))
    assert record.unread == {}
    assert record.facts == {
        "gpu.count": 0,
        "gpu.amd.count": 2,
        "gpu.amd.driver": "6.8.5",
        "gpu.amd.rocm": "6.2.0-66",
        **numbered(FIRST, SECOND),
    }


@pytest.mark.parametrize(
    ("version", "name"),
    [("80003", "gfx803"), ("90006", "gfx906"), ("90010", "gfx90a"), ("90402", "gfx942"), ("100300", "gfx1030"),
     ("110501", "gfx1151"), ("0", None)],
)  # fmt: skip
def test_the_generation_is_named_as_rocm_names_it(tmp_path: Path, version: str, name: str | None) -> None:
    files = two_cards()
    place = f"{NODES}/1/properties"
    files[place] = str(files[place]).replace("gfx_target_version 80003", f"gfx_target_version {version}")
    facts = recorded(laid_out(tmp_path, files)).facts
    assert facts.get("gpu.amd.0.gfx") == name
    assert facts["gpu.amd.0.device"] == "0x67df"


def test_the_kernel_s_own_driver_has_no_version(tmp_path: Path) -> None:
    files = two_cards()
    del files["/sys/module/amdgpu/version"]
    assert "gpu.amd.driver" not in recorded(laid_out(tmp_path, files)).facts


def test_a_machine_without_such_a_driver_has_no_such_gpu(tmp_path: Path) -> None:
    assert recorded(laid_out(tmp_path, {"/etc/hostname": ""})).facts == {"gpu.count": 0, "gpu.amd.count": 0}


def test_a_driver_without_a_topology_is_unread(tmp_path: Path) -> None:
    record = recorded(laid_out(tmp_path, {"/dev/kfd": ""}))
    assert record.facts == {"gpu.count": 0}
    assert "/dev/kfd is there" in record.unread["gpu.amd"]


def test_a_node_that_says_nothing_is_unread(tmp_path: Path) -> None:
    record = recorded(laid_out(tmp_path, {**two_cards(), f"{NODES}/2/properties": ""}))
    assert "gpu.amd.count" not in record.facts
    assert "does not say whether it is a GPU" in record.unread["gpu.amd"]


def test_under_windows_nobody_can_tell(tmp_path: Path) -> None:
    host = laid_out(tmp_path, {"/dev/dxg": ""})
    world = probe.World("static", Linux(), None, host, env={}, path=[])
    record = probe.Record()
    probe.attempt(record, "gpu.amd", probe.read_amd, world, record)
    assert record.facts == {}
    assert "Windows' own driver" in record.unread["gpu.amd"]


def test_a_process_has_what_its_container_was_given(tmp_path: Path) -> None:
    host = laid_out(tmp_path / "host", two_cards())
    one = laid_out(tmp_path / "one", {"/dev/kfd": "", "/dev/dri/renderD129": "", "/opt/rocm/.info/version": "5.7.1-98"})
    facts = recorded(host, one, "proc").facts
    assert facts == {
        "gpu.count": 0,
        "gpu.amd.count": 1,
        "gpu.amd.driver": "6.8.5",
        "gpu.amd.rocm": "5.7.1-98",
        **numbered(SECOND),
    }
    none = laid_out(tmp_path / "none", {"/etc/hostname": ""})
    assert recorded(host, none, "proc").facts["gpu.amd.count"] == 0


def test_a_process_whose_root_may_not_be_entered_leaves_it_open(tmp_path: Path) -> None:
    host = laid_out(tmp_path, two_cards())
    record = recorded(host, probe.Closed("/proc/41/root", "no permission to enter"), "proc")
    assert record.facts == {"gpu.count": 0}
    assert record.unread == {"gpu.amd": "no permission to enter"}


@pytest.mark.parametrize(("mode", "count"), [("static", 1), ("proc", None)])
def test_a_card_that_the_kernel_keeps_from_the_reader(tmp_path: Path, mode: str, count: int | None) -> None:
    """It is not there for the reader; what a process in another container has is not known."""
    host = laid_out(tmp_path, two_cards())
    plain = host.text

    def refusing(path: str, *arguments: Any) -> Any:
        if path.endswith("nodes/1/properties"):
            raise PermissionError(1, "Operation not permitted", path)
        return plain(path, *arguments)

    host.text = refusing
    record = recorded(host, None, mode)
    assert record.facts.get("gpu.amd.count") == count
    assert ("gpu.amd" in record.unread) is (count is None)
