"""Numbers with their bounds: what is printed, what fails, what nbval masks; tables that are tables."""

import configparser
import re

import pytest
import torch

from course_lib.display import numbers, show_number
from tests.helpers import ROOT


@pytest.mark.parametrize(
    ("call", "printed"),
    [
        (dict(label="loss", value=0.03127, below=0.05), "loss: 0.031 (below 0.05)"),
        (dict(label="gain", value=torch.tensor(12.34), unit="dB", digits=3), "gain: 12.3 dB"),
        (dict(label="error", value=-31.69, unit="dB", below=-20), "error: −32 dB (below -20)"),
        (dict(label="share", value=0.97, above=0.9, below=1), "share: 0.97 (above 0.9 and below 1)"),
        (dict(label="rounding", value=2.4e-7, below=1e-6), "rounding: 2.4e-07 (below 1e-06)"),
        (dict(label="samples", value=16000), "samples: 16,000"),
        (dict(label="silence", value=0), "silence: 0"),
    ],
)
def test_what_is_printed(call, printed, capsys):
    show_number(**call)
    assert capsys.readouterr().out == printed + "\n"


@pytest.mark.parametrize(("value", "bounds"), [(2.0, {"below": 1}), (1.0, {"above": 1}), (float("nan"), {})])
def test_a_broken_bound_fails(value, bounds):
    with pytest.raises(AssertionError, match="the bound is broken"):
        show_number("x", value, **bounds)


def masked(text):
    config = configparser.RawConfigParser()
    config.read(ROOT / "tests" / "nbval_sanitize.cfg", encoding="utf-8")
    for section in config.sections():
        text = re.sub(config.get(section, "regex"), config.get(section, "replace"), text)
    return text


def test_only_a_number_with_a_bound_is_masked(capsys):
    show_number("error", 2.4e-7, below=1e-6)
    show_number("level: of all", -12.34, "dB", below=0)
    show_number("error", 2.4e-7)
    one, two, three = capsys.readouterr().out.splitlines()
    assert masked(f"{one}\n{two}\n{three}\n") == (
        "error: NUMBER (below 1e-06)\nlevel: of all: NUMBER dB (below 0)\nerror: 2.4e-07\n"
    )


def test_a_table_escapes_and_names_its_rows():
    html = numbers.table_html([{"way": "<b>", "error": "3 dB"}, {"way": "ours", "error": "1 dB"}], "Errors")
    assert html.count("scope='row'") == 2 and html.count("scope='col'") == 2
    assert "&lt;b&gt;" in html and "<b>" not in html and "Errors</caption>" in html


@pytest.mark.parametrize(("rows", "message"), [([], "at least one row"), ([{"a": 1}, {"b": 1}], "columns")])
def test_bad_tables(rows, message):
    with pytest.raises(ValueError, match=message):
        numbers.table_html(rows)
