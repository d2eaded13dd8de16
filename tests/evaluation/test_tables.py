"""Tables as Markdown."""

from wisp.evaluation.tables import markdown


def test_cells_are_aligned_and_bars_escaped():
    table = markdown(["case", "MSE"], [["a | b", "1.5"], ["c", ""]])
    assert table == "| case | MSE |\n| :-- | --: |\n| a \\| b | 1.5 |\n| c |  |\n"
