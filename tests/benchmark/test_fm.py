"""What is stored of finding FM sounds is as the chapter says, and its questions can be asked again in small."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from course_lib.benchmark import fm as bench


@pytest.fixture(scope="module")
def stored() -> Any:
    return bench.load_fm()


def test_the_stored_shares_are_as_the_chapter_says(stored: Any) -> None:
    assert stored["command"] == bench.COMMAND
    rows = {(row["ratio"], row["index"]): row for row in stored["shares"]}
    assert set(rows) == {(ratio, index) for ratio in (1.0, 3.0) for index in bench.INDICES}
    small = [row["2"] for row in rows.values() if row["2"] is not None]
    large = [row["2π"] for row in rows.values()]
    assert min(small) > 0.9 and min(large) < 0.6
    for row in rows.values():  # where both were tried, the smaller limit is never worse
        assert row["2"] is None or row["2"] >= row["2π"]


def test_a_free_ratio_is_hardly_ever_found_and_a_grid_finds_it(stored: Any) -> None:
    free = {row["loss"]: row["found"] for row in stored["free"]}
    assert free["multiscale"] < 0.2 and free["multiscale"] < free["transport"] < 0.7
    assert stored["comb"]["minima"] > 400 and stored["comb"]["points"] == 1501
    assert stored["comb"]["best"] == 3.0 and 2.95 < stored["comb"]["basin"][0] < 3.0 < stored["comb"]["basin"][1] < 3.05
    assert stored["grid"]["best"] == 3.0 and stored["grid"]["loss"] < 0.42 < 12 < stored["grid"]["second_loss"]
    assert abs(stored["grid"]["index"] - 1.5) < 0.05


def test_a_search_in_small_arrives() -> None:
    assert bench.share_found(1.0, 3.0, 2.0, n=3, steps=150) > 0.6
    found = bench.ratio_found("transport", n=2, steps=3)
    assert found["starts"] == 2 and 0 <= found["found"] <= 1
    small = bench.comb(31)
    assert small["points"] == 31 and 2 < small["best"] < 4


def test_a_start_is_within_its_limit() -> None:
    amplitude, index = bench.starts(100, 2.0, torch.Generator().manual_seed(0))
    assert 0.05 <= float(index.min()) and float(index.max()) < 2 and float(amplitude.min()) >= 0.1


def test_the_command_writes_a_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("share_found", "comb", "grid", "ratio_found"):
        monkeypatch.setattr(bench, name, lambda *args, **rest: 0.5)
    bench.run(tmp_path / "fm.json")
    assert '"shares"' in (tmp_path / "fm.json").read_text()
