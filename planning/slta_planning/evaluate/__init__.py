"""`slta evaluate`: evaluation of a session log against the best possible placement.

| module | owns |
|---|---|
| entries | parsers of log lines: CSV, JSON lines |
| clock | dates that come twice |
| haproxy, slta_lines | parsers of the lines of HAProxy, and of those for `slta follow` |
| pool_numbers | pool numbers from pool names |
| reading | log reader: sessions as arrays |
| copies | lines twice, ids that are still open |
| holes | holes of the log |
| lines | counts of a log's lines, and examples of those left out |
| requests | requests that pass for sessions; sessions put together from lines |
| window | the measured part of a log |
| active_pools | pools that count, and when; pools without a session |
| trajectory | one placement through the changes of pools |
| assignment | the optimum of sessions of several types, kept with each event |
| replay | replay of the recorded placement and of the policies |
| results | the figures as JSON |
| evaluate_report | the figures as text |
| notes | notes beside them |
| picture | the plot |
| html_report | the report and the plot as a page |
| options | options, and parsers of their values |
| api | evaluation of a log file, for programs |
| command | command line |
"""

from __future__ import annotations

from slta_planning.evaluate.api import Options, evaluate

__all__ = ["Options", "evaluate"]
