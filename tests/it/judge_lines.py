"""Judges CEF and RFC 5424 lines with other people's parsers, and reads LEEF as our QRadar log source extension does.

Reads NDJSON {"format": "cef" | "rfc5424" | "extension", "line": str} from standard input; writes one NDJSON verdict per line:
{"ok": parsed} or {"error": why}.
"""

import json
import pathlib
import re
import sys
import xml.etree.ElementTree

import cefp
from syslog_rfc5424_parser import SyslogMessage


def cef(line):
    return cefp.parse(line)


def rfc5424(line):
    return SyslogMessage.parse(line).as_dict()


SOURCE = pathlib.Path(__file__).parents[2] / "src/destinations/qradar/log-source-extension.xml"
EXTENSION = xml.etree.ElementTree.parse(SOURCE)
PATTERNS = {pattern.get("id"): re.compile(pattern.text) for pattern in EXTENSION.iter("pattern")}
MATCHERS = sorted(EXTENSION.iter("matcher"), key=lambda matcher: int(matcher.get("order")))


def extension(line):
    """Field to value: the first matcher of a field that finds something counts."""
    fields = {}
    for matcher in MATCHERS:
        found = PATTERNS[matcher.get("pattern-id")].search(line)
        if found:
            fields.setdefault(matcher.get("field"), found[int(matcher.get("capture-group"))])
    return fields


JUDGES = {"cef": cef, "rfc5424": rfc5424, "extension": extension}

for case in sys.stdin:
    case = json.loads(case)
    try:
        verdict = {"ok": JUDGES[case["format"]](case["line"])}
    except Exception as error:  # whatever a parser raises is its verdict
        verdict = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(verdict, default=str), flush=True)
