//! The HTTP log collector: one JSON object a line, and what its replies mean.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use serde::de::IgnoredAny;
use url::Url;

use super::stage::Stage;
use super::{AUTH_ID, below, header, misconfigured, needed};
use crate::batch::Limits;
use crate::event::Event;
use crate::format::json::write_text;
use crate::format::record::time;
use crate::format::shrink;
use crate::parcel::{Auth, Gzip, HttpParcel, Parcel, Reply, Verdict, retry_after};
use crate::settings::{Secret, Section};

/// Below the tenant's base URL.
pub(super) const PATH: &str = "/logs/v1/event";

/// The collector takes 10 MB a request; half of that keeps away from how it counts.
pub(super) const LIMITS: Limits = Limits { bytes: 5_000_000, ..Limits::ANY };

/// Longest line. The collector takes events of 5 MB; nobody reads an alert of more than one.
const LINE_BYTES: usize = 1_000_000;

/// Most bytes of the names of dropped members, before escaping.
const NAMES_BYTES: usize = 1_000;
/// What the names, and everything else that a shortened line needs besides its record, may take at most.
const NOTE_BYTES: usize = 8_000;

/// From so many 500 in a row on they tell of the set-up.
const REFUSALS: u32 = 3;
/// How long to wait before the same is sent again, unless the collector asks for longer.
const PAUSE: Duration = Duration::from_secs(1);

/// An HTTP log collector.
#[derive(Debug)]
pub(super) struct Collector {
    url: Url,
    token: Secret,
    gzip: Gzip,
    auth_id: Option<HeaderValue>,
}

impl Collector {
    pub(super) fn open(section: &Section<'_>, base: &Url) -> Self {
        Self {
            url: below(base, PATH),
            token: Secret::new(needed(section, "TOKEN", "collector")),
            gzip: if section.flag("GZIP") { Gzip::Always } else { Gzip::Never },
            auth_id: section.text("AUTH_ID").map(|id| header(section, "AUTH_ID", &id)),
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// A request of these lines.
    pub(super) fn parcel(&self, lines: Bytes, stage: &Stage) -> HttpParcel {
        let auth = Auth::Header { name: AUTHORIZATION, prefix: "", value: self.token.clone() };
        let post = HttpParcel::post(self.url.clone(), "application/json", lines);
        let mut parcel = HttpParcel { gzip: self.gzip, auth, memo: stage.memo(), ..post };
        parcel.headers.extend(self.auth_id.clone().map(|id| (AUTH_ID, id)));
        parcel
    }
}

/// Decides what the collector's reply to `sent` means, which it answered with 500 `refusals` times before.
pub(super) fn judge(sent: &HttpParcel, refusals: u32, reply: &Reply) -> Verdict {
    let Reply::Http { status, headers, body } = reply else { return Verdict::by_status(reply) };
    match *status {
        // What does not fit the collector's own configuration is answered 500, as are its passing faults: only repetition tells.
        StatusCode::INTERNAL_SERVER_ERROR if refusals + 1 < REFUSALS => {
            let memo = Stage::Lines { refusals: refusals + 1 }.memo();
            let delay = retry_after(headers).unwrap_or_default().max(PAUSE);
            Verdict::Then(Box::new(Parcel::Http(HttpParcel { memo, delay: Some(delay), ..sent.clone() })))
        }
        StatusCode::INTERNAL_SERVER_ERROR => misconfigured(
            format_args!("{status}, {REFUSALS} times in a row"),
            "GZIP must say the same as the collector's compression, and the collector's log format must be JSON",
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            misconfigured(status, "check TOKEN; the collector may be disabled or deleted, or its token made anew")
        }
        StatusCode::NOT_FOUND => misconfigured(status, "there is no HTTP log collector here; check URL"),
        status if status.is_success() && body.trim_ascii_start().starts_with(b"<") => {
            misconfigured(status, "a web page answered, not a collector; check URL and the proxies before it")
        }
        _ => Verdict::by_status(reply),
    }
}

/// The names that a line adds to its record.
const EVENT_ID: &str = "_event_id";
const TIME: &str = "_time";
const TRUNCATED: &str = "_truncated_fields";

/// Appends the record on one line, with its members as they came behind `_event_id` and `_time`. Of a record that is too large the members
/// that [`shrink`] drops are left out and named in `_truncated_fields`. A record that has members of these names itself lies in `record`.
pub(super) fn write(event: &Event<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(format!("{{\"{EVENT_ID}\":\"{}\",\"{TIME}\":\"", event.id).as_bytes());
    // Writing to a vector cannot fail.
    let _ = write!(out, "{:.3}\"", time(event));
    let room = LINE_BYTES - NOTE_BYTES - (out.len() - start);
    if event.raw.len() <= room {
        push_record(event.raw, out);
    } else {
        let mut record = Vec::new();
        let dropped = shrink::push(&mut record, event, room).join(",");
        if !dropped.is_empty() {
            out.extend_from_slice(format!(",\"{TRUNCATED}\":").as_bytes());
            write_text(out, &dropped[..dropped.floor_char_boundary(NAMES_BYTES)]);
        }
        push_record(&String::from_utf8_lossy(&record), out);
    }
    out.extend_from_slice(b"}\n");
}

/// Appends the members of a record to an object under construction, which has some already.
fn push_record(record: &str, out: &mut Vec<u8>) {
    if has_our_names(record) {
        out.extend_from_slice(b",\"record\":");
        return shrink::push_one_line(out, record);
    }
    let members = record.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    if !members.trim_ascii().is_empty() {
        out.push(b',');
        shrink::push_one_line(out, members);
    }
}

/// Whether a record has a member of a name that lines add.
fn has_our_names(record: &str) -> bool {
    // Hardly any record has a name with an underscore in front.
    memchr::memmem::find(record.as_bytes(), b"\"_").is_some()
        && serde_json::from_str::<BTreeMap<String, IgnoredAny>>(record)
            .is_ok_and(|members| [EVENT_ID, TIME, TRUNCATED].iter().any(|name| members.contains_key(*name)))
}
