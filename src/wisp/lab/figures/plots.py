"""Plots as PNG files in memory."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from wisp.core.extras import importing


def check_plots() -> None:
    """Raise `MissingExtraError` unless plots can be drawn."""
    with importing("plotting", "figures"):
        import matplotlib  # noqa: F401


def lines(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x: str,
    y: str,
    faint: Sequence[str] = (),
) -> bytes:
    """Lines with points.

    Args:
        series: x and y by name.
        x: label of the axis.
        y: label of the axis.
        faint: names that are drawn thin, without a place in the legend.
    """
    figure, axis = _figure()
    for name, (across, up) in series.items():
        style: dict[str, Any] = {"marker": ".", "label": name}
        if name in faint:
            style = {"color": "0.75", "linewidth": 0.8, "zorder": 1}
        axis.plot(across, up, **style)
    axis.legend()
    return _png(figure, axis, x, y)


def strips(groups: Mapping[str, Sequence[float]], *, x: str, y: str) -> bytes:
    """A column of points for each group, and its mean as a dash."""
    figure, axis = _figure(width=max(5.0, 0.32 * len(groups) + 1.5))
    for place, values in enumerate(groups.values()):
        axis.plot([place] * len(values), values, ".", color="C0", alpha=0.5)
        axis.plot([place], [sum(values) / len(values)], "_", color="C1", markersize=14, markeredgewidth=2)
    axis.set_xticks(range(len(groups)), groups, rotation=90)
    return _png(figure, axis, x, y)


def bars(groups: Sequence[str], series: Mapping[str, Sequence[float]], *, y: str) -> bytes:
    """Bars side by side for each group, one a series, with their heights above them.

    Args:
        groups: names along the axis.
        series: heights of each group's bar, by name.
        y: label of the axis.
    """
    figure, axis = _figure(width=max(7.0, 0.7 * len(groups) * len(series)))
    width = 0.8 / len(series)
    for index, (name, heights) in enumerate(series.items()):
        places = [place + (index + 0.5) * width - 0.4 for place in range(len(groups))]
        drawn = axis.bar(places, heights, width, label=name)
        axis.bar_label(drawn, fmt="%.1f", fontsize=7)
    axis.set_xticks(range(len(groups)), groups)
    axis.legend(loc="lower right")
    return _png(figure, axis, "", y)


def _figure(width: float = 7.0) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _png(figure: Any, axis: Any, x: str, y: str) -> bytes:
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return stream.getvalue()
