"""Write docs/errors.md from the tables and the scores (`make docs`), so that it says what runs."""

import json
import sys
from pathlib import Path

from error_examples import FILE, SUMS, load
from sparekey.classify import verdict
from sparekey.classify.reasons import Reason, rows
from sparekey.classify.text_model import model
from sparekey.types import ErrorClass

INTRO = """\
# How errors are read

sparekey turns a provider's refusal into one of eight classes, which decide what a chain does, and into a finer reason, for people
and metrics. `sparekey explain` shows what decided about one error. This page is generated (`make docs`), and a test keeps it current.

{order}

## Three readers

1. **Structure** (`evidence.py`, `exceptions.py`) reads JSON in strings and in prose, escapes, the spellings of Python, Go and protobuf,
   HTML pages, streams of events, and the attributes and causes of exceptions. In a stream the last event that is an error decides;
   an answer's own words never do. The innermost error of a wrapped one is asked first. Vendors' codes are rows of the table below.
2. **Waits** (`waits.py`) come from headers before fields, and from fields before text. A number is a wait only if it has a unit, stands
   in a field for waits, or follows words like "try again in". Dates are read against the server's own clock, if the response has a `Date`.
3. **Text** (`features.py`, `text_model.py`) is read by a linear model over words, pairs of words, beginnings of words, pairs of Chinese,
   Japanese and Korean characters, statuses, codes and the length of the stated wait. The model is {size} kB of whole numbers, learned
   from {examples} labelled examples in data/errors; it is loaded with the first error and needs only the standard library. All numbers
   count as one word, and ids, addresses and names of models are left out, so that a refusal reads the same whoever gets it.

The readers see the first 1,500 and the last 500 characters of a text. Under a 5xx, 400, 404, 409, 413, 415, 422 or 424, where a provider
may repeat the caller's words, they leave quoted parts out, unless the whole message is quoted.

Your [own rules](configuration.md#own-rules-about-errors-rules) come before all that.

## How much it proves

| evidence | when | what follows |
| --- | --- | --- |
| `certain` | a code with `!`, in a field of its own; an exception of the transport; your own rule | the park is firm at once |
| `likely` | status and text agree, and the model is surer than {likely:.0%} | a soft park of 5 s, until three requests said the same |
| `possible` | text under a status that repeats the caller's words, an unsure model, or no text | the same |

A text about something that one request asks for (a tool, a file, an image, a feature) is never certain about the credential, whatever
its code. The chain believes that the request is at fault from a probability of {fail_fast:.0%} on, and any class from {least:.0%} on.
A lost answer costs as much as ten wasted calls, so a low confidence becomes `unknown`, and never a guess that fails fast.
"""
SCORES = """\
## Scores

Each row is read by a model that has seen nothing of that provider (or language, or source). *lost* counts errors that fail fast although
a spare would have answered; *waste* counts doomed requests that are sent again. Rows of codes are not held out, and some training
examples were written after a look at what had been read wrongly, so expect somewhat lower scores for errors of new providers.
"""
LEARN = """\
## Teach it

Where an error is read wrongly, you can teach the model. An example is one line of JSON in a file of data/errors. It has `status`,
`headers`, `body` or `exception`, `class`, further classes that are right as well (`also`), `reason` (see the table), `retry_after_s`, and
the `source` where it was seen. `sparekey explain --wrong CLASS` prints the line for an error; give it an id, a provider and a source,
make sure that it holds nothing private, and add it. Then run

    make train    # learns, in a minute or two; the same examples give the same file
    make score    # shows the scores by class, and each held-out verdict that has changed

and commit the example, the model and data/errors/held_out.*. A test fails while the model is older than the examples. If a vendor's code
says something else than its words, or can mean nothing else, add a row to `tables/codes.tsv`.
"""
HEADS = ("class", "reason", "what it is", "what to do")


def page():
    """Return the whole page."""
    order = (verdict.__doc__ or "").partition("\n\n")[2]
    learned, totals = model(), json.loads(SUMS.read_text(encoding="utf-8"))
    parts = [
        INTRO.format(
            order=order.strip(),
            size=round(FILE.stat().st_size / 1000),
            examples=len(load()),
            likely=learned.likely,
            fail_fast=learned.fail_fast_at,
            least=learned.least,
        ),
        SCORES,
        _table(("left out", "errors", "class", "reaction", "lost", "waste"), _scores(totals)),
        "How often the class is right, by the confidence of the model (providers left out):\n",
        _table(
            ("confidence", "errors", "right"), ((f"{a:.0%} to {b:.0%}", str(n), f"{right:.1%}") for a, b, n, right in totals["calibration"])
        ),
        LEARN,
        "## Reasons\n",
        _table(HEADS, ((r.error_class.value, r.value, r.words, r.remedy) for c in ErrorClass for r in Reason if r.error_class is c)),
        "## Codes\n\n`!`: certain. A number counts at the named place; a name is words; `*`: it may be part of a name.\n",
        _table(("", "place", "code", "seen at", "reason"), (_code(fields) for _, fields in rows("codes.tsv"))),
        "## Words that the model cannot weigh\n\nThey decide which number is a status or a wait, and whom a code blames (phrases.tsv).\n",
        _table(("list", "why"), ((name, why) for _, (name, _, why) in rows("phrases.tsv"))),
        "## HTTP statuses, where nothing else tells\n",
        _table(("status", "reason", "seen at"), ((fields[0].replace("|", ", "), *fields[1:]) for _, fields in rows("statuses.tsv"))),
        "## Exceptions of transports and of Python\n",
        _table(("kind", "reason", "names"), (fields[:3] for _, fields in rows("exceptions.tsv"))),
    ]
    return "\n".join(parts)


def _scores(totals):
    yield _score("a provider (real errors)", totals["provider"])
    for name, total in totals["language"].items():
        yield _score(f"the language {name}", total)
    for name, total in totals["source"].items():
        yield _score(f"the source {name}", total)


def _score(name, total):
    n = total["n"]
    return name, str(n), f"{total['exact'] / n:.3f}", f"{total['reaction'] / n:.3f}", str(total["lost"]), str(total["waste"])


def _code(fields):
    mark, place, codes, reason, scope, seen = fields
    named = f"`{codes.replace('|', '` `')}`"
    return mark.strip("."), place.strip("=").replace("=|", ", "), named, f"{seen} ({scope})" if scope else seen, reason


def _table(heads, lines):
    cells = [" | ".join(cell.replace("|", "\\|") for cell in line) for line in (tuple(heads), *map(tuple, lines))]
    return "\n".join([f"| {cells[0]} |", "|" + " --- |" * len(heads), *(f"| {cell} |" for cell in cells[1:])]) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8") if len(sys.argv) > 1 else sys.stdout.write(page())
