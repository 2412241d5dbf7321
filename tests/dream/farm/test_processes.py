"""How many workers a machine gets, and what each may use."""

import os
from pathlib import Path

import pytest

from dream.cluster import worker_environments

CORES = len(os.sched_getaffinity(0))


@pytest.fixture(autouse=True)
def nothing_visible(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def nvidia_smi(folder: Path, script: str) -> None:
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "nvidia-smi").chmod(0o755)


def test_one_worker_has_all_cores_of_a_machine_without_gpus() -> None:
    assert worker_environments(0, 0) == [{}]


def test_workers_share_the_cores_evenly_unless_told() -> None:
    assert worker_environments(CORES, 0) == [{"TF_NUM_INTRAOP_THREADS": "1"}] * CORES
    assert worker_environments(2, 3) == [{"TF_NUM_INTRAOP_THREADS": "3"}] * 2


def test_each_gpu_has_a_worker(tmp_path: Path) -> None:
    nvidia_smi(tmp_path, "echo 0; echo 1")
    assert [each["CUDA_VISIBLE_DEVICES"] for each in worker_environments(0, 0)] == ["0", "1"]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in worker_environments(3, 0)] == ["0", "1", "0"]


def test_a_broken_driver_is_no_gpu(tmp_path: Path) -> None:
    nvidia_smi(tmp_path, "echo NVIDIA-SMI has failed; exit 9")
    assert len(worker_environments(0, 0)) == 1


@pytest.mark.parametrize(("visible", "devices"), [("2,GPU-5d1", ["2", "GPU-5d1"]), ("", []), ("-1", [])])
def test_the_operator_says_which_gpus_are_meant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, visible: str, devices: list[str]
) -> None:
    nvidia_smi(tmp_path, "echo 0; echo 1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    given = [each.get("CUDA_VISIBLE_DEVICES") for each in worker_environments(0, 0)]
    assert given == (devices or [None])
