//! The webhook beat of an Open Collector: one flat JSON object for each event.

use url::Url;

use super::name::BeatName;
use super::schema::{Fields, SHORTENED, Value, original};
use crate::batch::{Limits, Records};
use crate::destinations::{Destination, RenderError};
use crate::event::Event;
use crate::format::json::Object;
use crate::parcel::{Auth, HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Section, SettingsError};
use crate::transport::{HttpOptions, Transport};

/// Longest `original_message` where it is not set. No limit is published.
const ORIGINAL_BYTES: usize = 64_000;

/// An opened webhook beat.
#[derive(Debug)]
pub(super) struct Beat {
    transport: Transport,
    url: Url,
    auth: Auth,
    name: BeatName,
    original_bytes: usize,
    concurrency: usize,
}

impl Beat {
    pub(super) fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let original_bytes = match section.text("MAX_MESSAGE_BYTES") {
            None => ORIGINAL_BYTES,
            Some(_) => section.number("MAX_MESSAGE_BYTES", 1024..=1_000_000),
        };
        section.finish(Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            url: url(section),
            auth: credential(section),
            name: BeatName::from_section(section),
            original_bytes,
            concurrency: section.number("CONCURRENCY", 1..=64),
        })
    }
}

impl Destination for Beat {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The beat takes one object in a request.
    fn limits(&self) -> Limits {
        Limits { records: 1, lanes: self.concurrency, ..Limits::ANY }
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let (record, dropped) = original(event, self.original_bytes);
        let mut object = Object::open(out);
        // Without it the object is a text to be parsed by rules; with it the keys are the schema's fields.
        object.json("whsdp", "true");
        object.text("fullyqualifiedbeatname", &self.name.whole);
        for (name, value) in Fields::of(event).0 {
            match value {
                Value::Text(text) => object.text(name, &text),
                Value::Number(number) => object.json(name, itoa::Buffer::new().format(number)),
            }
        }
        if !dropped.is_empty() {
            object.text("tag2", SHORTENED);
        }
        object.text("original_message", &String::from_utf8_lossy(&record));
        object.close();
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        let post = HttpParcel::post(self.url.clone(), "application/json", records.joined());
        Parcel::Http(HttpParcel { auth: self.auth.clone(), ..post })
    }

    fn judge(&self, _sent: &Parcel, reply: &Reply, _records: usize) -> Verdict {
        let Reply::Http { status, .. } = reply else { return Verdict::by_status(reply) };
        let check = |what| Verdict::Misconfigured { reason: format!("HTTP {status}: check {what}") };
        match status.as_u16() {
            401 | 403 => check("USER and PASSWORD"),
            404 | 405 => check("URL, which ends in /webhook on most beats"),
            _ => Verdict::by_status(reply),
        }
    }

    /// The beat keeps whatever it is sent, and has no page that says it is well: only the connection is tried.
    fn probe(&self) -> Option<Parcel> {
        Some(Parcel::Http(HttpParcel::connect(self.url.clone())))
    }
}

/// Where the beat listens. Without a path it is `/webhook`.
fn url(section: &Section<'_>) -> Url {
    let mut url = section.url("URL");
    if url.path() == "/" {
        url.set_path("/webhook");
    }
    url
}

fn credential(section: &Section<'_>) -> Auth {
    match (section.text("USER"), section.optional_secret("PASSWORD")) {
        (None, None) => Auth::None,
        (Some(user), Some(password)) => {
            if user.contains(':') {
                section.fault("USER", "must not hold a colon: HTTP Basic ends the name with it");
            }
            Auth::Basic { user, password }
        }
        _ => {
            section.fault("PASSWORD", "USER and PASSWORD go together");
            Auth::None
        }
    }
}
