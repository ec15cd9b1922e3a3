"""How many files and connections this process may have open: rows with a crowd need more than many systems allow at first."""

from __future__ import annotations

from sparekey.lab.drill.verdict import Check


def files(needed: int) -> Check:
    """Raise this process's limit as far as the system lets it; the check says whether that is enough, and what to do if it is not."""
    try:
        import resource  # noqa: PLC0415 - not on Windows, which has no such limit
    except ImportError:
        return Check("enough files may be open", True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return Check(f"{needed} files may be open (the limit is {soft}: raise it with `ulimit -Hn` as root)", soft >= needed)
