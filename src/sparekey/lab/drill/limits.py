"""The limit on open files and connections: rows with a crowd need more than many systems allow."""

from __future__ import annotations

from sparekey.lab.drill.verdict import Check


def files(needed: int) -> Check:
    """Raise this process's limit on open files to `needed`, or as close to it as the system allows.

    The check that is returned fails if the limit is still too low, and names the command that
    raises it.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows, which has no such limit
    except ImportError:
        return Check("enough files may be open", True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return Check(f"{needed} files may be open (the limit is {soft}: raise it with `ulimit -Hn` as root)", soft >= needed)
