"""The controls table: several voices, what a spreadsheet does to it, and bad cells that are named by row and column."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.midi_ddsp import CONTROLS, TableError, read_controls, read_voices, write_controls, write_voices
from course_lib.midi_ddsp.table import COLUMNS, LONGEST_LINE, VOICE
from course_lib.scores import Note

HEAD = ",".join(COLUMNS)
ROW = "0,1,60,.5,.5,.5,.5,.5,.5"
GOOD = f"{HEAD}\n{ROW}\n"
TWO = f"{HEAD},voice\n{ROW},Oboe\n0,2,48,.1,.2,.3,.4,.5,.6,Bass\n1,1,62,.5,.5,.5,.5,.5,.5,Oboe\n"


def table(folder: Path, text: str) -> Path:
    (folder / "controls.csv").write_text(text, encoding="utf-8", newline="")
    return folder / "controls.csv"


def line(**cells: object) -> str:
    values = dict(zip(COLUMNS, ROW.split(","), strict=True)) | {name: str(value) for name, value in cells.items()}
    return GOOD + ",".join(values[name] for name in COLUMNS) + "\n"


def test_the_columns_are_those_that_are_promised() -> None:
    assert COLUMNS == ("onset_s", "duration_s", "pitch", "volume", "volume_fluctuation", "volume_peak_position",
                       "vibrato", "brightness", "attack_noise")  # fmt: skip
    assert VOICE == "voice"


def test_voices_are_read_by_name(tmp_path: Path) -> None:
    voices = read_voices(table(tmp_path, TWO))
    assert list(voices) == ["Oboe", "Bass"]
    notes, controls = voices["Oboe"]
    assert notes == [Note(0, 1, 60), Note(1, 1, 62)] and controls.shape == (2, 6)
    assert voices["Bass"][1][0].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])


def test_a_table_without_the_column_is_one_voice_and_the_other_way_round(tmp_path: Path) -> None:
    assert list(read_voices(table(tmp_path, GOOD))) == [""]
    assert read_voices(table(tmp_path, HEAD)) == {}
    assert read_controls(table(tmp_path, HEAD))[1].shape == (0, 6)
    one = TWO.replace("Bass", "Oboe").replace("0,2,48", "5,2,48")
    assert [note.pitch for note in read_controls(table(tmp_path, one))[0]] == [60, 62, 48]
    with pytest.raises(TableError, match="2 voices \\('Oboe', 'Bass'\\)"):
        read_controls(table(tmp_path, TWO))


names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
values = st.lists(st.floats(-1, 3), min_size=6, max_size=6)
lines = st.lists(st.tuples(st.floats(0, 2), st.floats(0.004, 9), st.floats(0, 127), values), max_size=6)


@given(st.dictionaries(names, lines, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, score: dict[str, list]) -> None:
    voices = {}
    for name, drawn in score.items():
        at, notes = 0.0, []
        for rest, duration, pitch, _ in drawn:
            notes.append(Note(at + rest, duration, round(pitch, 2)))
            at = notes[-1].end_s
        voices[name] = (notes, torch.tensor([row for *_, row in drawn]).reshape(-1, 6))
    path = tmp_path_factory.mktemp("t") / "controls.csv"
    write_voices(path, voices)
    read = read_voices(path)
    assert list(read) == [name for name in voices if voices[name][0]]
    for name, (notes, controls) in read.items():
        for note, other in zip(notes, voices[name][0], strict=True):
            assert note[:3] == pytest.approx(other[:3], abs=1e-4)
        assert torch.allclose(controls, voices[name][1], atol=1e-4)
    with path.open(encoding="utf-8", newline="") as file:
        assert next(csv.reader(file)) == [*COLUMNS, "voice"]


def test_what_spreadsheets_make_of_it(tmp_path: Path) -> None:
    whole = read_voices(table(tmp_path, TWO))

    def same(text: str) -> bool:
        again = read_voices(table(tmp_path, text))
        return list(again) == list(whole) and all(
            again[name][0] == whole[name][0] and torch.equal(again[name][1], whole[name][1]) for name in whole
        )

    assert same("\ufeff" + TWO.replace("\n", "\r\n"))
    assert same(TWO.replace(",", ";")) and same(TWO.replace(",", ";").replace(".", ","))  # decimal commas
    assert same(TWO.replace("\n", ",,,\n") + ",,,,,,,,,,,,\n\n")  # empty columns and rows
    assert same(TWO.replace("Oboe", '"Oboe"').replace("0,1,", '"0", 1.0 ,'))
    rows = [row.split(",") for row in TWO.splitlines()]
    assert same("\n".join(",".join(row[::-1]) for row in rows))  # columns in any order


@pytest.mark.parametrize(
    "cells, words",
    [
        ({"onset_s": -0.1}, "row 3, column onset_s: .*at least 0"),
        ({"onset_s": 1e9}, "row 3, column onset_s: .*two hours"),
        ({"onset_s": 7199, "duration_s": 2}, "row 3, column duration_s: .*ends at 7201 s"),
        ({"onset_s": 1, "duration_s": 0}, "row 3, column duration_s: .*above 0"),
        ({"duration_s": "1e9"}, "row 3, column duration_s: .*two hours"),
        ({"pitch": 127.5}, "row 3, column pitch: .*0 to 127; got '127.5'"),
        ({"pitch": "C4"}, "row 3, column pitch: needs a number; got 'C4'"),
        ({"pitch": ""}, "row 3, column pitch: needs a number; got ''"),
        ({"volume": 3.1}, "row 3, column volume: .*between -1 and 3; 0 to 1 is usual; got '3.1'"),
        ({"volume_fluctuation": "inf"}, "row 3, column volume_fluctuation: needs a number"),
        ({"volume_peak_position": "1_0"}, "row 3, column volume_peak_position: needs a number"),
        ({"vibrato": -1.01}, "row 3, column vibrato: .*between"),
        ({"brightness": "1e999"}, "row 3, column brightness: needs a number"),
        ({"attack_noise": "x" * 999}, "row 3, column attack_noise: needs a number; got 'x{39}…'"),
    ],
)
def test_bad_cells_are_named(tmp_path: Path, cells: dict[str, object], words: str) -> None:
    with pytest.raises(TableError, match=words) as said:
        read_controls(table(tmp_path, line(**cells)))
    assert "\n" not in str(said.value)


def test_the_ends_of_every_range_are_in_it(tmp_path: Path) -> None:
    ends = line(onset_s=7199, duration_s=1, pitch=127, volume=-1, vibrato=3) + "1,1,0,3,-1,3,-1,3,-1\n"
    assert len(read_controls(table(tmp_path, ends))[0]) == 3


@pytest.mark.parametrize(
    "text, words",
    [
        (GOOD.replace("pitch", "note"), "column pitch is missing"),
        (f"{HEAD},tempo\n{ROW},3\n", "column 10, 'tempo', is one too many"),
        (f"{HEAD},tempo\n{ROW}\n", "column 10, 'tempo', is one too many"),
        (f"{HEAD}\n{ROW},3\n", "row 2, column 10: '3' stands in a column without a name"),
        (f"{HEAD},voice,voice\n{ROW},a,b\n", "column voice is twice"),
        (f"{HEAD},voice\n{ROW},\n", "row 2, column voice: needs a name"),
        (f'{HEAD},voice\n{ROW},"a\nb"\n', "row 2, column voice: needs a name"),
        (GOOD + "0.9,1,60,.5,.5,.5,.5,.5,.5\n", "row 3, column onset_s: .* 0.1 s before that of row 2 ends"),
        (GOOD + ROW + "\n", "row 3, column onset_s"),
        (TWO + "0.5,1,50,.5,.5,.5,.5,.5,.5,Bass\n", "row 5, column onset_s: .*row 3 .*such as 'Bass'"),
        (GOOD + "," * (LONGEST_LINE + 1), "line 3 has more than"),
        (GOOD + '"' + "x" * 9000 + "\n" * 300_000, "row 3|no CSV"),
        ("{}", "missing"),
    ],
)
def test_bad_tables_are_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(TableError, match=words) as said:
        read_voices(table(tmp_path, text))
    assert "\n" not in str(said.value)


def test_overlaps_of_a_rounding_are_none(tmp_path: Path) -> None:
    assert len(read_controls(table(tmp_path, GOOD + "0.9985,1,60,.5,.5,.5,.5,.5,.5\n"))[0]) == 2


def test_written_notes_never_overlap_and_stay_in_range(tmp_path: Path) -> None:
    path = tmp_path / "controls.csv"
    write_controls(path, [Note(0, 2, 60), Note(1, 1, 62)], torch.tensor([[-9.0] * 6, [9.0] * 6]))
    notes, controls = read_controls(path)
    assert notes[0].duration_s == 1 and controls.tolist() == [[-1.0] * 6, [3.0] * 6]
    old = path.read_bytes()
    for bad in (
        {"a": ([Note(0, 1, 60), Note(0, 1, 62)], torch.zeros(2, 6))},
        {},
        {" a": ([], torch.zeros(0, 6))},
        {"a\nb": ([], torch.zeros(0, 6))},
    ):
        with pytest.raises(ValueError):
            write_voices(path, bad)
    assert path.read_bytes() == old and len(list(tmp_path.iterdir())) == 1


def test_the_columns_are_the_controls() -> None:
    assert COLUMNS[3:] == CONTROLS
