"""The labelled errors of data/errors, and a clock that stands still."""

from error_examples import NOW, accepted, body_of, judge, load, reaction

__all__ = ["NOW", "accepted", "body_of", "judge", "load", "reaction", "right", "right_reaction"]


def right(case, failure):
    return failure.error_class.value in accepted(case)


def right_reaction(case, failure):
    return reaction(failure.error_class.value) in {reaction(c) for c in accepted(case)}
