"""The studies that `lab` keeps, on small fleets: weights, learned curves and scale advice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.studies.learned_curves import ALL_KEPT, LEARNED, WEIGHTS, utilities
from lab.studies.measured_fleets import TRUE, Trial
from lab.studies.policies import tuned_weights
from lab.studies.scale import ADVICE, Scaler
from lab.studies.scaled_fleet import ACTIVE, DRAINING, OFF, PLAIN, World
from lab.studies.scaled_fleet import Trial as Day
from slta_experiments.fleets import TABLE_1


def test_weights_tuned_on_table_1_are_its_occupancies() -> None:
    light, heavy = tuned_weights(TABLE_1.name)
    assert heavy / light == pytest.approx(11.5 / 8, rel=0.1)


def test_learned_curves_win_what_weights_lose() -> None:
    trial = Trial("powers", 24, 2)
    best, weights, learned = (utilities(replace(trial, line=line))[10:].mean() for line in (TRUE, WEIGHTS, LEARNED))
    assert weights < 0.92 * best
    assert learned > 0.97 * best


def test_a_class_that_improves_keeps_its_sessions() -> None:
    trial = Trial("log", 40, 2, noise=0.1, change=2.0)
    weights, kept, learned = (utilities(replace(trial, line=line))[-5:].mean() for line in (WEIGHTS, ALL_KEPT, LEARNED))
    assert kept < weights < learned


def test_a_draining_pool_of_a_scaled_fleet_loses_sessions_only_as_they_end() -> None:
    world = World(Day(PLAIN, ADVICE, 0), (0, 8, 3))
    before = [world.next() for _ in range(10)][-1].sessions
    slots = world.slots(1, ACTIVE)
    world.move(slots, DRAINING)
    minutes = [world.next() for _ in range(10)]
    left = world.sessions(slots).sum()
    assert 0 < left < before
    assert sum(minute.refused for minute in minutes) > 0 == world.cut
    world.move(slots, OFF)
    assert world.cut == left


def test_pools_that_are_not_wanted_drain_and_end_empty() -> None:
    scaler = Scaler(Day(PLAIN, ADVICE, 0))
    scaler.world = World(scaler.trial, (0, 20, 6))
    for _ in range(70):
        scaler.next()
    assert (scaler.world.status > OFF).sum() < 26
    assert scaler.world.cut == 0
