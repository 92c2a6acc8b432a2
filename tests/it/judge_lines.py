"""Judges CEF and RFC 5424 lines with other people's parsers.

Reads NDJSON {"format": "cef" | "rfc5424", "line": str} from standard input; writes one NDJSON verdict per line:
{"ok": parsed} or {"error": why}.
"""

import json
import sys

import cefp
from syslog_rfc5424_parser import SyslogMessage


def cef(line):
    return cefp.parse(line)


def rfc5424(line):
    return SyslogMessage.parse(line).as_dict()


JUDGES = {"cef": cef, "rfc5424": rfc5424}

for case in sys.stdin:
    case = json.loads(case)
    try:
        verdict = {"ok": JUDGES[case["format"]](case["line"])}
    except Exception as error:  # whatever a parser raises is its verdict
        verdict = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(verdict, default=str), flush=True)
