"""Write docs/errors.md from the tables and the scores, so that what users read is what runs: `make docs`."""

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

A provider's refusal becomes one of eight classes, which say what a chain does, and a finer reason, for people and metrics. This page is
generated (`make docs`); a test keeps it current. `sparekey explain` shows for one error what decided.

{order}

## Three readers

1. **Structure** (`evidence.py`, `exceptions.py`): JSON in strings and in prose, escapes, Python, Go and protobuf spellings, pages of HTML,
   streams of events (the last event that is an error decides, never an answer's own words), attributes and causes of exceptions. The
   innermost error of a wrapped one goes first. Vendors' codes are rows of the table below.
2. **Waits** (`waits.py`): headers before fields before text; a number is a wait only with a unit, in a field that is one, or right behind
   words like "try again in". Dates are read by the server's own clock, where the response has a `Date`.
3. **Text** (`features.py`, `text_model.py`): a linear model over words, pairs of words, beginnings of words, pairs of Chinese, Japanese and
   Korean letters, statuses, codes and the length of the stated wait. It is {size} kB of whole numbers, learned from {examples} labelled
   examples in data/errors, and read when the first error comes. Nothing but the standard library runs. Numbers are all one, and ids,
   addresses and names of models are left out, so that the same refusal reads the same for whoever gets it.

The first 1,500 and the last 500 characters of what was said are read. Under a 5xx, 400, 404, 409, 413, 415, 422 and 424, where a
provider may repeat the caller's words, parts in quotes are left out, unless the whole message is quoted.

An [operator's own rules](configuration.md#own-rules-about-errors-rules) come before all that.

## How much it proves

| evidence | when | what follows |
| --- | --- | --- |
| `certain` | a code with `!`, in a field of its own; an exception of the transport; your own rule | the park is firm at once |
| `likely` | status and text agree, and the model is surer than {likely:.0%} | a soft park of 5 s, until three requests said the same |
| `possible` | text under a status that repeats the caller's words, a model that is not sure, no text | the same |

A text about what one request asks for (a tool, a file, an image, a feature) is never certain about the credential, whatever its code.
That the request is at fault is believed from {fail_fast:.0%} on, any class from {least:.0%} on: a lost answer costs ten wasted calls, and a
low confidence is `unknown`, never a guess that fails fast.
"""
SCORES = """\
## Scores

Held out means: read by a model that had seen nothing of that provider (or language, or source). *lost*: a spare would have answered, but
the verdict fails fast. *waste*: a doomed request is replayed. Rows of codes are not held out; examples that were written in another
language or after a look at what was read wrongly are in the training, so new errors are read somewhat worse than this.
"""
LEARN = """\
## Teach it

An example is one line of JSON in a file of data/errors: `status`, `headers`, `body` or `exception`, `class`, other classes that would do
(`also`), `reason` (see the table), `retry_after_s`, and the `source` where it was seen. `sparekey explain --wrong CLASS` prints the line
for an error that is read wrongly; give it an id, a provider and a source, look that nothing private is in it, and add it. Then

    make train    # learns; a minute or two, the same examples give the same file
    make score    # what it changed: by class, and every held-out verdict that flipped

Commit the example, the model and data/errors/held_out.*. A test fails while the model is older than the examples.
A vendor's code that says something else than its words, or that can mean nothing else, is a row of `tables/codes.tsv`.
"""
HEADS = ("class", "reason", "what it is", "what to do")


def page():
    """Return the whole page."""
    order = (verdict.__doc__ or "").partition("\n\n")[2]
    mind, totals = model(), json.loads(SUMS.read_text(encoding="utf-8"))
    parts = [
        INTRO.format(
            order=order.strip(),
            size=round(FILE.stat().st_size / 1000),
            examples=len(load()),
            likely=mind.likely,
            fail_fast=mind.fail_fast_at,
            least=mind.least,
        ),
        SCORES,
        _table(("left out", "errors", "class", "reaction", "lost", "waste"), _scores(totals)),
        "How often the class is right, by how sure the model was (providers left out):\n",
        _table(
            ("confidence", "errors", "right"), ((f"{a:.0%} to {b:.0%}", str(n), f"{right:.1%}") for a, b, n, right in totals["calibration"])
        ),
        LEARN,
        "## Reasons\n",
        _table(HEADS, ((r.error_class.value, r.value, r.words, r.remedy) for c in ErrorClass for r in Reason if r.error_class is c)),
        "## Codes\n\n`!` marks what is certain. A number stands at the named place; a name is written as words, `*`: it may be a part.\n",
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
