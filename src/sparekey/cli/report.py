"""How a problem is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from sparekey.cli import render

if TYPE_CHECKING:
    from sparekey.cli.problems import Problem


def show(problem: Problem, *, json: bool = False) -> None:
    """Write a problem to standard error, or as JSON to standard output."""
    if json:
        render.as_json(problem.as_dict())
        return
    console = render.err()
    heading = (f"{render.sign(False, console)} error: ", render.BAD)
    console.print(Text.assemble(heading, render.clean(problem.what)), soft_wrap=True)
    for line in problem.details:
        console.print(Text(f"  {render.clean(line)}"), soft_wrap=True)
    if problem.advice:
        console.print(Text(render.clean(problem.advice)), soft_wrap=True)
