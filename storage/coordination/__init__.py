"""Coordination: what processes must agree on for a moment (pace, leases, wake-ups, progress).

Nothing in here must survive: the truth lies in the database. ``Local`` serves one process;
``Shared`` lets several agree through Redis and goes on as a ``Local`` while Redis is away.
``Shared`` stands in ``storage.coordination.shared``, so that who needs no Redis never imports it.
"""

from storage.coordination.local import Local
from storage.coordination.port import GLOBAL, Ask, Bucket, Coordination, Lease, Limits

__all__ = ["GLOBAL", "Ask", "Bucket", "Coordination", "Lease", "Limits", "Local"]
