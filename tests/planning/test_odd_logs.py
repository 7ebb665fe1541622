"""Odd logs: each is read as the same twelve sessions, or refused with exit code 2 and a sentence."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from slta_planning.evaluate.command import app
from tests.planning.commands import called, figures_of, shown
from tests.planning.recorded import FIRST_START, FLEET

BERLIN = ZoneInfo("Europe/Berlin")
HAPROXY = "1.2.3.4:5{n} [{date}] f b/{pool}"
HTTP = HAPROXY + " 0/0/0/3/{ms} 200 7 - - ---- 1/1/1/1/0 0/0"
TCP = HAPROXY + " 0/0/{ms} 7 -- 0/0/0/0/0 0/0"
HEAD = "start_s,duration_s,pool"
ROW = "{start},{seconds},{pool}"
JSON = '{{"start_s": {start}, "duration_s": {seconds}, "pool": "{pool}"}}'
LIKE_NGINX = '{{"end_s": {end}, "duration_s": "0.000, {seconds}", "pool": "10.0.0.9:80, {pool}"}}'


def session(n: int) -> dict[str, Any]:
    """What formats say of a session, which ends at a whole second."""
    start, seconds = FIRST_START + 7 * n + 0.5, 30.5 + n
    at = datetime.fromtimestamp(start, UTC)
    return {
        "n": n,
        "pool": f"linear-{n % 6 + 1}",
        "start": start,
        "seconds": seconds,
        "end": start + seconds,
        "start_ms": round(1000 * start),
        "ms": round(1000 * seconds),
        "date": f"{at:%d/%b/%Y:%H:%M:%S}.500",
        "utc": at.isoformat(),
        "local": at.astimezone(BERLIN).replace(tzinfo=None).isoformat(),
        "ended": datetime.fromtimestamp(start + seconds, BERLIN).isoformat(),
    }


def log(row: str, head: str = "", *extra: str, end: str = "\n") -> str:
    """The sessions, and lines after them."""
    return end.join([*([head] if head else []), *(row.format(**session(n)) for n in range(12)), *extra])


PLAIN = log(ROW, HEAD)
PACKED = gzip.compress(PLAIN.encode())
ENDS = log("{end},{seconds},{pool}", "end_s,duration_s,pool")
MIXED = "\n".join((TCP if n % 2 else HTTP).format(**session(n)) for n in range(12))
SLTA = "slta1 end s-{n} {pool} {seconds}"
SOME = "--max-left-out 0.1"
RIGHT: dict[str, tuple[str | bytes, str]] = {
    "byte order mark": (PLAIN.encode("utf-8-sig"), ""),
    "CRLF and empty lines": (PLAIN.replace("\n", "\r\n\r\n"), ""),
    "CR": (PLAIN.replace("\n", "\r"), ""),
    "UTF-16": (PLAIN.encode("utf-16"), ""),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), ""),
    "Latin-1": (log(ROW + ",Jürgen", HEAD + ",user").encode("latin-1"), ""),
    "gzip": (PACKED, ""),
    "gzip of UTF-16": (gzip.compress(PLAIN.encode("utf-16")), ""),
    "two gzip members": (gzip.compress(PLAIN[:99].encode()) + gzip.compress(PLAIN[99:].encode()), ""),
    "semicolons, for Excel": ("sep=;\n" + PLAIN.replace(",", ";"), ""),
    "tabs": (PLAIN.replace(",", "\t"), ""),
    "bars": (PLAIN.replace(",", "|"), ""),
    "quotes and spaces": (log('"{start}" , {seconds},"{pool}"', ' start_s,"duration_s" ,pool'), ""),
    "other columns": (log("{pool},x,{seconds},{start}", "pool,bytes,duration_s,start_s"), ""),
    "milliseconds": (log("{start_ms},{ms},{pool}", "start_ms,duration_ms,pool"), ""),
    "begin and end": (log("{start},{end},{pool}", "start_s,end_s,pool"), ""),
    "ISO 8601": (log("{utc},{ended},{pool}", "start_s,end_s,pool"), ""),
    "ISO 8601 of a time zone": (log("{local},{seconds},{pool}", HEAD), "--timezone Europe/Berlin"),
    "other names": (log(ROW, "t,took,server"), "--columns start=t,duration=took,pool=server"),
    "other names in JSON": (log('{{"t":{start},"took":{ms},"pool":"{pool}"}}'), "--columns start=t,duration_ms=took"),
    "JSON lines": (log(JSON), ""),
    "JSON array": ("[" + log(JSON + ",").rstrip(",") + "\n]", ""),
    "JSON with null and more": (log('{{"class": null, "x": [], ' + JSON[2:]), ""),
    "nginx after retries": (log(LIKE_NGINX), ""),
    "ends": (ENDS, ""),
    "a pool that is no text": (log(JSON, "", r'{"start_s": 1790000090, "duration_s": 9, "pool": "\ud800"}'), SOME),
    "no pool": (log(ROW, HEAD, "1790000000,1,"), ""),
    "httplog": (log(HTTP), ""),
    "httpslog": (log(HTTP + ' "GET / HTTP/1.1" 0/0000/0/0/0 a/TLSv1.3/TLS'), ""),
    "tcplog": (log(TCP), ""),
    "tcplog after syslog": (log("Nov 25 10:55:21 lb haproxy[7]: " + TCP, "[NOTICE] new"), SOME),
    "NULs at the head, as of a file that was truncated": (b"\0" * 200_000 + log(TCP).encode(), ""),
    "httplog and tcplog": (MIXED, ""),
    "no server": (log(HTTP, "", "1.2.3.4:5 [25/Nov/2026:10:55:21.777] f b/<NOSRV> 0/-1/-1/-1/9 503 7 - -"), ""),
    "a server that refused": (log(TCP, "", "1.2.3.4:5 [25/Nov/2026:10:55:21.777] f b/linear-1 0/-1/3 0 SC 0/0"), ""),
    "slta1 of HAProxy": (log("[{date}] b/{pool} 200 7 -- " + SLTA, "slta1 begin s-0 linear-1 default h:7"), ""),
    "slta1 with other lines": (log("[{date}] " + SLTA, "slta1 start h:7", "slta1 end s-9 - 0.1", "- end - - 0"), ""),
    "slta1 of nginx": (log("2026-01-01T00:00:00Z lb nginx: [{ended}] 200 7 " + SLTA), ""),
    "slta1 of Caddy": (log('{{"level":"info","ts":{end},"slta1":"' + SLTA + '"}}'), ""),
}
WRONG: dict[str, tuple[str | bytes, str, str]] = {
    "empty": ("", "", "the log is empty"),
    "no header": (log(ROW), "", "not a session log"),
    "a page": ("<html><p>Not found</p></html>", "", "not a session log"),
    "an archive": (b"PK\x03\x04\x14\x00\x08\x08" + bytes(range(256)), "", "not a session log"),
    "column missing": (log("{start},{pool}", "start_s,pool"), "", "--columns names others"),
    "column twice": (log(ROW + ",x", HEAD + ",pool"), "", "names the column pool twice"),
    "an array that is cut": ("[" + log(JSON + ","), "", "not a JSON array"),
    "gzip that is cut": (PACKED[:-9], "", "invalid gzip"),
    "gzip with a wrong sum": (PACKED[:-8] + b"\0" + PACKED[-7:], "", "invalid gzip"),
    "gzip with a wrong block": (PACKED[:10] + b"\xff" + PACKED[11:], "", "invalid gzip"),
    "combined": ('::1 - - [25/Nov/2026:10:55:21 +0000] "GET / HTTP/1.1" 200 3 "-" "c"', "", "neither duration nor"),
    "logasap": (log(HTTP.replace("{ms}", "+{ms}")), "", "remove option logasap"),
    "no duration of HAProxy": (log(HTTP.replace("{ms}", "-1")), "", "no duration: the last timer is -1"),
    "a date that is none": (log(HTTP, "", HTTP.format(**session(0)).replace("/Sep", "/Six")), "", "invalid date: "),
    "no line of HAProxy": (log(HTTP, "", "Proxy f stopped."), "", "not a session of option httplog or tcplog"),
    "JSON around HAProxy": ('{"message": "' + log(HTTP, end='"}\n{"message": "') + '"}', "", "line 1: no start_s"),
    "HAProxy and CSV": (log(HTTP, "", PLAIN), "", "13 of 25 lines cannot be used (13 bad)"),
    "CSV and HAProxy": (log(ROW, HEAD, MIXED), "--format csv", "12 bad"),
    "two CSVs": (PLAIN + "\n" + PLAIN, "--unsorted", "start_s is not a number: 'start_s'"),
    "begins and ends": (log(JSON, "", log(LIKE_NGINX)), "", "line 13: no start_s"),
    "a line that is cut": (PLAIN[:-12], "", "2 columns instead of 3"),
    "a line that is no JSON": (log(JSON, "", "{"), "", "line 13: not JSON"),
    "JSON too deep": (log(JSON, "", "[" * 10_000), "", "line 13: not JSON"),
    "JSON with true": (log(JSON.replace("{start}", "true")), "", "start_s is not a number"),
    "JSON with a long number": (log(JSON.replace("{start}", "9" * 400)), "", "start_s is not a number"),
    "JSON with a pool's number": (log(JSON.replace('"{pool}"', "7")), "", "pool and class must be strings"),
    "null": (log(JSON.replace("{seconds}", "null")), "", "duration_s is not a number"),
    "no value": (log("{start},,{pool}", HEAD), "", "duration_s is not a number: ''"),
    "negative": (log("{start},-{seconds},{pool}", HEAD), "", "duration_s is negative: -30.5"),
    "end before begin": (log("{end},{start},{pool}", "start_s,end_s,pool"), "", "end_s is before the start"),
    "not finite": (log("{start},nan,{pool}", HEAD), "", "duration_s must be finite"),
    "beyond floats": (log("1e999,{seconds},{pool}", HEAD), "", "start_s must be finite"),
    "10⁹ s": (log("{start},1e9,{pool}", HEAD), "default", "the mean duration is 1e+09 s; milliseconds are duration_ms"),
    "10³⁰⁰ s": (log("{start},1e300,{pool}", HEAD), "", "duration_s is too large for seconds: 1e300"),
    "starts in milliseconds": (log("{start_ms},{seconds},{pool}", HEAD), "", "milliseconds are start_ms"),
    "durations in milliseconds": (log("{start},{ms},{pool}", HEAD), "default", "milliseconds are duration_ms"),
    "no such day": (log("2026-13-25T10:55:21,9,{pool}", HEAD), "", "start_s is not a time: '2026-13-25T10:55:21'"),
    "no time zone": (log("{local},{seconds},{pool}", HEAD), "", "has no time zone: '2026-09-21T16:13:20.500000'; give"),
    "not sorted": ("\n".join([HEAD, *reversed(PLAIN.split("\n")[1:])]), "", "lines are after later ones"),
    "lines twice": (PLAIN + "\n" + log(ROW), "--unsorted", "11 of 24 lines cannot be used (11 twice)"),
    "addresses": (log("{start},9,10.0.0.{n}:80", HEAD), "", r"--map '(\d+)\.(\d+)\.(\d+)\.(\d+):(\d+)=CLASS'"),
    "requests": (log("{start},0.050,{pool}", HEAD), "", "the lines seem to be requests, not sessions"),
    "slta1 of Envoy": (log(SLTA), "", "line 1: no time before slta1: let the proxy write one"),
    "slta1 that is cut": (log("[{date}] slta1 end s-{n} {pool}"), "", "a damaged line of slta1"),
    "slta1 of Caddy without a time": (log('{{"slta1":"' + SLTA + '"}}'), "", "ts is not a number"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    (folder / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    return folder


def written(folder: Path, content: str | bytes) -> Path:
    (folder / "odd").write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / "odd"


CUT = ("--unseen", "drop", "--warm-up", "0", "--cool-down", "0")


def figures(folder: Path, content: str | bytes, options: str = "") -> tuple[float, ...]:
    """Sessions, their mean number and duration, utility."""
    data = figures_of(app, folder, written(folder, content), folder / "fleet.yaml", *CUT, *options.split())
    return data["sessions"], data["mean_sessions"], data["duration"]["mean_s"], data["recorded"]["utility"]


@pytest.fixture(scope="module")
def plain(folder: Path) -> tuple[float, ...]:
    return figures(folder, PLAIN)


@pytest.mark.parametrize("name", RIGHT)
def test_an_odd_log_is_read_as_its_sessions(folder: Path, plain: tuple[float, ...], name: str) -> None:
    assert figures(folder, *RIGHT[name]) == pytest.approx(plain, rel=1e-6)


@pytest.mark.parametrize("name", WRONG)
def test_an_odd_log_is_refused_with_a_sentence(folder: Path, name: str) -> None:
    content, options, words = WRONG[name]
    cut = () if options == "default" else (*CUT, *options.split())
    result = called(app, written(folder, content), folder / "fleet.yaml", *cut)
    assert (result.exit_code, words in shown(result)) == (2, True), result.output
    assert "Traceback" not in result.output
