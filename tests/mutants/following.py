"""Planted mistakes in the follower of proxies' logs and in nginx's map."""

from __future__ import annotations

from functools import partial

from tests.mutants import planting

python = partial(planting.python, "integrations/slta_integrations", "integrations")

MUTANTS = {
    "the last line in a line counts, which a client may have sent": python(
        "follow/log_line", "else line).partition(MARK)", "else line).rpartition(MARK)", "log_line"
    ),
    "a line is younger than the last look without it": python(
        "follow/checkpoints", "self._seen[1][0] <= place", "True", "checkpoints"
    ),
    "beyond their number the oldest looks are forgotten": python(
        "follow/checkpoints", "and len(self._seen) < MAX_CHECKPOINTS", "", "checkpoints"
    ),
    "lines of the time before a restart are taken for new ones": python(
        "follow/log_tail", "position.seen_at if position else now", "now", "log_tail"
    ),
    "the position is written in place": python(
        "follow/position", 'self._path.with_suffix(".new")', "self._path", "position"
    ),
    "a file of the same inode is taken for the old one": python(
        "follow/log_files",
        "file.inode == position.inode and has_position(file)",
        "file.inode == position.inode",
        "log_rotation",
    ),
    "a copy is not looked for after a truncation": python(
        "follow/log_files", "same or (_first(path, has_position) if position.offset else None)", "same", "log_rotation"
    ),
    "copies that were made after the first are not read": python(
        "follow/log_tail", "self._written_since(copy.modified)", "current_file(self._path)", "log_rotation"
    ),
    "a rotated file is left at once": python(
        "follow/log_tail", "abs(self._clock() - self._filled_at) >= self._rotate_wait", "True", "log_rotation"
    ),
    "a segment is removed before it is read": python(
        "follow/spool", "segment.stat().st_ino not in unread", "True", "spool"
    ),
    "kernel drops are counted again with each datagram": python(
        "follow/datagrams", "        self._lost = total\n", "", "datagrams"
    ),
    "a start that is known ends sessions again": python(
        "follow/live", "and self._started.get(proxy) != sign", "", "live_sessions"
    ),
    "a cut line of the live sessions is continued": python(
        "follow/live", "math.inf  # a cut", "lines  # a cut", "live_sessions"
    ),
    "an old end leaves a mark": python("follow/operations", "age > MARK_SECONDS", "False", "sender"),
    "an old begin is reported as new": python("follow/operations", "age > LATE_SECONDS", "False", "sender"),
    "each begin is reported as late": python("follow/operations", "age > LATE_SECONDS", "True", "sender"),
    "an end overtakes the begin that is repeated": python(
        "follow/operations", "operation.line.session_id in open_ids", "not outcome.is_final", "sender"
    ),
    "a fleet that is being rebuilt loses lines": python("follow/operations", '        "repairing",\n', "", "sender"),
    "a refused key is noticed with the first line": python(
        "follow/follower", "            group.create_task(self._sender.check())\n", "", "follow"
    ),
    "the check at the start leaves a mark": python(
        "follow/sender", '{"session_id": CHECKED_SESSION, "mark": False}', '{"session_id": CHECKED_SESSION}', "sender"
    ),
    "Retry-After of any length is respected": python(
        "backoff", "min(retry_after, MAX_RETRY_AFTER_SECONDS)", "retry_after", "sender"
    ),
    "a store that is away is taken for a refused key": python(
        "follow/sender", "400 <= reply.status < 500", "400 <= reply.status", "sender"
    ),
    "a map without a pool replaces the old one": python(
        "nginx_map/rendering", "if not addressed:", "if False:", "nginx_map"
    ),
    "nginx confuses pools whose ids differ in case": python(
        "nginx_map/rendering", "owners.setdefault(name.lower(), pool)", "owners.setdefault(name, pool)", "nginx_map"
    ),
    "an address may have a semicolon": python("nginx_map/rendering", "_is_host(host) and", "host and", "nginx_map"),
}
