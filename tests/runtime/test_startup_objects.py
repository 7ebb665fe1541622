"""A dispatcher does not look through what it made at its start again and again."""

from __future__ import annotations

import gc

from slta.runtime.bootstrap import freeze_startup_objects


def test_what_was_made_at_the_start_is_not_looked_through_again() -> None:
    thresholds = gc.get_threshold()
    ours = [[k] for k in range(1000)]
    freeze_startup_objects()
    try:
        assert gc.get_freeze_count() > len(ours)
        assert not any(found is ours for found in gc.get_objects())
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
