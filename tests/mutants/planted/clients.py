"""Planted mistakes in the client library and the integrations that once were defects."""

from __future__ import annotations

from tests.mutants.planting import Mutant, row

MUTANTS: dict[str, Mutant] = {
    "a heartbeat revives a pool at an address of before": row(
        "agent/pool.py",
        "_settle",
        "marked = status, MARK in labels",
        "marked, self.beats = status, MARK in labels, True",
    ),
    "a count of before goes with a heartbeat whose own is late": row(
        "agent/pool.py", "measure", "self.measured = {}\n", "pass\n"
    ),
    "a session that ends during its report gets no end": row(
        "lanes.py", "Reports > end", " or session.due_at == inf", ""
    ),
    "a session that may have been placed is left to its lease": row(
        "placing.py", "_in_fleet", "final.in_doubt or ", ""
    ),
    "two fleets may have the same session": row(
        "placing.py", "_in_fleet", "is_definite and not is_open", "is_definite"
    ),
    "a renewal may hang longer than the lease lasts": row(
        "lanes.py", "deadline_seconds", "seconds > MIN_LEFT_SECONDS", "False"
    ),
    "a child uses its parent's connections and sessions": row(
        "sync_client.py", "", "os.register_at_fork(after_in_child=_begin_in_child)", "pass"
    ),
    "a late event loop uses up a deadline": row("timer.py", "_go_on", "min(self._rest, SLICE_SECONDS)", "self._rest"),
    "lines of the time before a restart are taken for new ones": row(
        "follow/log_tail.py", "__init__", "position.seen_at if position else ", ""
    ),
    "a file of the same inode is taken for the old one": row(
        "follow/log_files.py", "find", " and file.head.startswith(head)", ""
    ),
    "a file that was left is read again after a restart": row(
        "follow/log_tail.py", "__init__", "position.left if position else None", "None"
    ),
    "a segment is removed before it is read": row(
        "follow/spool.py", "remove_read", "segment.stat().st_ino not in unread", "True"
    ),
    "a start that is known ends sessions again": row(
        "follow/live.py", "due", "and self._started.get(proxy) != sign", ""
    ),
    "an end overtakes the begin that is repeated": row(
        "follow/sender.py", "_settle", "line.session_id in open_codes", "not is_final(outcome)"
    ),
    "slices that are deleted one by one end sessions": row(
        "kubernetes/vanished.py", "_wait_seconds", "MASS_SECONDS if pool_id in self._held else VANISHED_SECONDS", "0"
    ),
    "replicas fall while a pod with sessions is not ready": row(
        "kubernetes/scaling.py", "actions", "if id_ in marked or id_ not in ready", "if id_ in marked"
    ),
    "replicas fall before the controllers know the marks": row(
        "kubernetes/scaling.py", "actions", "len(empty & marked)", "len(empty)"
    ),
    "a drained pool returns when another watcher begins": row(
        "kubernetes/scaler.py", "idle", "kept - self._returns | ", ""
    ),
    "an outage of the API server counts as waiting": row(
        "kubernetes/reconciler.py", "_round", "self._vanished.pause()\n            ", ""
    ),
}
