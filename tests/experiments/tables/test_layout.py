"""How a result file is laid out."""

import json

import pytest

from experiments.tables import layout, markdown

CONTENTS = [
    {"a": 1},
    {"a": {}, "b": [], "c": None, "d": [[]], "e": [{}], "f": [[[1.5]], 2]},
    {"a": {"b": {"c": [{"d": [1, 2]}, 3, "}, ]"]}}, "e": float("inf"), "\u00e9": "\n"},
    {"a": [{"b": [{"c": [0] * 3000}], "d": {"e": [[True] * 1000]}}]},
]


@pytest.mark.parametrize("content", CONTENTS)
def test_the_layout_does_not_change_what_is_read(content):
    assert json.loads(layout.dumps(content)) == content


def test_every_run_point_and_line_has_a_line():
    content = {
        "table": "pareto",
        "points": [{"row": "ant", "value": {"mean": 1.5}}, {"row": "full"}],
        "rows": {
            "ant": {
                "config": {"l1": 0.1, "budgets": [20, 10]},
                "runs": [{"seed": 0, "budgets": [{"value": 1}, {"value": 2}]}],
            }
        },
        "published": [],
    }
    assert layout.dumps(content).splitlines() == [
        "{",
        ' "table": "pareto",',
        ' "points": [',
        '  {"row":"ant","value":{"mean":1.5}},',
        '  {"row":"full"}',
        " ],",
        ' "rows": {',
        '  "ant": {',
        '   "config": {"l1":0.1,"budgets":[20,10]},',
        '   "runs": [',
        '    {"seed":0,"budgets":[{"value":1},{"value":2}]}',
        "   ]",
        "  }",
        " },",
        ' "published": []',
        "}",
    ]


def test_an_object_too_long_for_a_line_is_taken_apart():
    short, long = {"grid": [[1, 2]]}, {"name": "a", "grid": [[1] * 2000, [2] * 2000]}
    lines = layout.dumps({"tables": [short, long]}).splitlines()
    assert lines[2] == '  {"grid":[[1,2]]},'
    assert lines[3:6] == ["  {", '   "name": "a",', '   "grid": [']
    assert [json.loads(line.rstrip(",")) for line in lines[6:8]] == long["grid"]


def test_a_table_in_markdown():
    text = markdown.table("a | b", ["1 | 2", " | "], "lr")
    assert text.splitlines() == ["| a | b |", "|---|---:|", "| 1 | 2 |", "|  |  |"]
    assert markdown.table("a | b", []).endswith("|---|---|")


@pytest.mark.parametrize(("rows", "align"), [(["1"], ""), (["1 | 2"], "l")])
def test_a_table_of_unequal_lines_is_refused(rows, align):
    with pytest.raises(ValueError, match=r"have the 2 cells of 'a \| b'"):
        markdown.table("a | b", rows, align)
