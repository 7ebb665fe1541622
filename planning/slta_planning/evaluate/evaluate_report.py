"""Report of an evaluation as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from slta.core.policies import DEFAULT_POLICY
from slta_planning.evaluate.active_pools import Unseen
from slta_planning.evaluate.notes import Data, notes
from slta_planning.evaluate.replay import RECORDED, RESTRICTED
from slta_planning.evaluate.window import EARLIEST, HOUR, LATEST
from slta_planning.simulation import SIMULATED
from slta_planning.text import columns, counted, percent, tally, wrapped

TITLES = {
    RECORDED: "recorded",
    "least_connections": "least connections",
    "best_fixed_weights": "best fixed weights",
    RESTRICTED: "JLMU, no prices",
    **{policy.name: policy.title for policy in SIMULATED.values()},
}
"""In the order of the tables. With session types there are some of them only, without all but one."""
MAX_HOURS = 24
"""Maximum of rows of the hourly table; of a longer log the worst hours are shown."""
HOURLY = {"least_connections": "least conn."}
"""Headings of the hourly table that are shorter than the titles."""
HEAD = ["", "utility", "of the bound", "placement gap", "swing gap"]


class Part(NamedTuple):
    """Sentences and, below them, a table whose first row is its head; `narrow`: a word of it a line."""

    title: str
    sentences: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    narrow: bool = False

    def text(self) -> str:
        """Lines of at most 80 columns, and a table."""
        heads = _stacked(self.rows[0]) if self.narrow else self.rows[:1]
        return "\n".join([*wrapped(self.sentences), *columns([*heads, *self.rows[1:]])])


def parts(data: Data, zone: tzinfo) -> list[Part]:
    """The report, without empty parts."""
    found = [
        Part("Sessions", _summary(data, zone)),
        Part("Notes", notes(data)),
        Part("Placements", rows=_placements(data)),
        Part("Session types", _of_types(data)) if "session_types" in data else Part("Weights", _weights(data)),
        _hours(data, zone),
        Part("Gaps between lines", rows=_by_gap(data)),
        Part("Result", [_conclusion(data), *_of_presence(data)]),
    ]
    return [part for part in found if part.sentences or part.rows]


def report(data: Data, zone: tzinfo) -> str:
    """Format the report as text."""
    return "\n\n".join(part.text() for part in parts(data, zone))


def _summary(data: Data, zone: tzinfo) -> list[str]:
    window = data["window"]
    pools = ", ".join(f"{count} {name}" for name, count in data["pools"].items())
    begin, end = (moment(window[key], zone) for key in ("from_s", "to_s"))
    sessions = f"{counted(data['sessions'], 'session')} on {counted(sum(data['pools'].values()), 'pool')} ({pools})"
    cut = f"the first {window['warm_up_s']:,.1f} s" + (
        f" and the last {window['cool_down_s']:,.1f} s of starts" if window["cool_down_s"] else ""
    )
    return [
        f"{sessions}, {data['mean_sessions']:,.1f} at once on average",
        f"{data['duration']['mean_s']:,.3g} s long on average, {data['duration']['median_s']:,.3g} s in the median",
        *([f"sessions by type: {tally(data['session_types'])}"] if "session_types" in data else []),
        f"measured from {begin} to {end}: {window['seconds']:,.0f} s, without {cut}",
    ]


def _by_gap(data: Data) -> list[list[str]]:
    """Figures at half and at twice the gap that puts lines together."""
    if not data["by_gap"]:
        return []
    rows = [
        [f"{gap:g} s", f"{sessions:,}", f"{mean:,.3g} s", f"{at_once:,.1f}", percent(lost)]
        for gap, sessions, mean, at_once, lost in (one.values() for one in data["by_gap"])
    ]
    return [["sessions by --gap", "sessions", "mean duration", "at once", "placement gap"], *rows]


def _of_presence(data: Data) -> Iterator[str]:
    rule = data["unseen"]["rule"]
    if rule == Unseen.DROP:
        yield (
            "Pools that stood empty are not held against the balancer: by --unseen drop, the bound and all policies "
            "have only the pools of the log."
        )
    if rule == Unseen.ACTIVE:
        yield (
            "Pools that stood empty are not held against the balancer: by --unseen active, a pool counts only from a "
            f"mean duration before its first session to one after its last, {data['mean_pools']:,.1f} pools on average."
        )


def _placements(data: Data) -> list[list[str]]:
    bound, placements = data["bound"], {RECORDED: data[RECORDED], **data["policies"]}
    rows = [HEAD, ["bound", f"{bound:,.2f}", "100.00 %" if bound else "–", "", ""]]
    for name, title in _shown(data):
        found = placements[name]
        share = found["utility"] / bound if bound > 0 else None
        gaps = [percent(found[f"relative_{kind}_gap"]) for kind in ("placement", "swing")]
        rows.append([title, f"{found['utility']:,.2f}", percent(share), *gaps])
    return rows


def _weights(data: Data) -> list[str]:
    weights = ", ".join(f"{name} {weight}" for name, weight in data["weights"].items())
    return [f"The best fixed weights that were found for this log: {weights}."]


def _shown(data: Data) -> list[tuple[str, str]]:
    """Name and title of each placement."""
    return [(name, title) for name, title in TITLES.items() if name in {RECORDED, *data["policies"]}]


def _of_types(data: Data) -> list[str]:
    """Cost of the session types, and the refused by type: a policy that refuses more can have the smaller gap."""
    refused = "; ".join(
        f"{title} {tally(counts) if any(counts.values()) else 'none'}"
        for name, title in _shown(data)
        if name != RECORDED
        for counts in [{kind: count for kind, count in data["refused"][name].items() if count}]
    )
    cost = percent(data["relative_compatibility_gap"])
    return [
        f"Compatibility gap {cost}: what the best placement would add if every session could use every class.",
        f"Refused sessions by type: {refused}.",
        "Gaps of JLMU are to the bound of the sessions that it placed: who refuses more can have the smaller one.",
        f"{TITLES[RESTRICTED]}: for comparison only, no setting of the fleet file does so.",
    ]


def _hours(data: Data, zone: tzinfo) -> Part:
    hours = data["hours"]
    if len(hours) < 2:
        return Part("Hours")
    worst = sorted(hours, key=lambda hour: -(hour[RECORDED]["relative_placement_gap"] or 0))[:MAX_HOURS]
    shown = sorted(worst, key=lambda hour: hour["from_s"])
    what = "hour by hour" if len(shown) == len(hours) else f"the {MAX_HOURS} worst of {len(hours)} hours"
    heads = ["from", "sessions", *(HOURLY.get(name, title) for name, title in _shown(data)), "swing gap"]
    rows = [heads, *(_hour(hour, zone) for hour in shown)]
    return Part("Hours", [f"placement gap in % of the bound, {what}"], rows, narrow=True)


def _stacked(heads: Sequence[str]) -> Iterator[list[str]]:
    """Rows of narrow headings: a word a line, and a hyphen ends one; the last words are in the last row."""
    words = [head.replace("-", "- ").split() for head in heads]
    most = max(map(len, words))
    for row in zip(*([""] * (most - len(stack)) + stack for stack in words), strict=True):
        yield list(row)


def _hour(hour: Data, zone: tzinfo) -> list[str]:
    placements = {RECORDED: hour[RECORDED], **hour["policies"]}
    gaps = [placements[name]["relative_placement_gap"] for name, _ in _shown(hour)]
    shares = [percent(gap).removesuffix(" %") for gap in (*gaps, hour[RECORDED]["relative_swing_gap"])]
    return [moment(hour["from_s"], zone, "%m-%d %H:%M"), f"{hour['mean_sessions']:,.1f}", *shares]


def _conclusion(data: Data) -> str:
    if not data["weights"]:
        return _conclusion_of_types(data)
    names = (RECORDED, "best_fixed_weights", DEFAULT_POLICY.name)
    placements = {RECORDED: data[RECORDED], **data["policies"]}
    lost, weights, ours = (percent(placements[name]["relative_placement_gap"]) for name in names)
    return (
        f"The recorded placement lost {lost} of the bound. On the same sessions the best fixed weights "
        f"would have lost {weights} and {DEFAULT_POLICY.title} {ours}."
    )


def _conclusion_of_types(data: Data) -> str:
    """In utilities: a policy that refuses more sessions can have the smaller gap."""
    placements, bound = {RECORDED: data[RECORDED], **data["policies"]}, data["bound"]
    shares = (placements[name]["utility"] / bound if bound > 0 else None for name in (RECORDED, RESTRICTED, "jlmu"))
    ours, restricted, priced = map(percent, shares)
    return (
        f"The recorded placement had {ours} of its bound. Of the same sessions JLMU in the classes of each type would "
        f"have made {restricted} and with prices {priced}."
    )


def moment(seconds: float, zone: tzinfo, form: str | None = None) -> str:
    """Format a time of the log: a date if it counts from 1970, else hours, minutes and seconds of its own clock."""
    if EARLIEST < seconds < LATEST:
        at = datetime.fromtimestamp(seconds, zone)
        return at.strftime(form) if form else at.isoformat(" ", "seconds")
    sign, whole = "-" if seconds < 0 else "", round(abs(seconds))
    return f"{sign}{whole // int(HOUR)}:{whole // 60 % 60:02}:{whole % 60:02}"
