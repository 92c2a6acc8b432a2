//! Sumo Logic through a hosted HTTP Logs source: the records as they came, one a line.
//!
//! Facts: Sumo Logic's "HTTP Logs and Metrics Source", "Upload Logs to an HTTP Source", "Troubleshooting HTTP Sources" and "Fields".

use http::{HeaderName, HeaderValue, Method};
use url::Url;

use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::event::Event;
use crate::format::members::{self, members};
use crate::format::shrink;
use crate::parcel::{Gzip, HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::{HTTP_SETTINGS, HttpOptions, Transport};

/// Sumo Logic's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "sumologic",
    title: "Sumo Logic",
    arrives: "The original record, one a line, in the source category that Sumo Logic's own app reads",
    settings: &[SETTINGS, HTTP_SETTINGS],
    events: "*",
    snapshots: true,
    open: |section| SumoLogic::open(section).map(|sumo| Box::new(sumo) as Box<dyn Destination>),
    rehearsal: Rehearsal {
        settings: &[("URL", "{http}/sumologic/receiver/v1/http/bm90LWEtc2VjcmV0LXJlaGVhcnNhbC1vbmx5")],
        replies: &[("/sumologic", 200, "")],
    },
    create: None,
};

const SETTINGS: &[Setting] = &[
    Setting::required(
        "URL",
        "Whole address of the HTTP source, as Sumo Logic shows it: `https://<endpoint>/receiver/v1/http/<token>`. Whoever has it can write.",
    )
    .secret(),
    Setting::default(
        "CATEGORY",
        "azure/defender",
        "Source category of every record; the searches of Sumo Logic's app for Defender for Cloud read this one.",
    ),
    Setting::optional("NAME", "Source name of every record; without it, what the source is set to."),
    Setting::optional("HOST", "Source host of every record; without it, what the source is set to."),
    Setting::optional(
        "FIELDS",
        "Fields of every record, as environment=prod,team=soc. Sumo Logic silently drops those that its field table lacks.",
    ),
    Setting::default(
        "MAX_MESSAGE_BYTES",
        "65_536",
        "Most bytes of one line. Sumo Logic cuts longer ones in two, so a longer record loses members, and says which in droppedFields.",
    ),
    Setting::default(
        "MAX_BATCH_BYTES",
        "1_000_000",
        "Most bytes of one request before compression, between 100_000 and 1_000_000. Less helps where requests time out.",
    ),
];

/// What comes before the token in the path of every source's address.
const RECEIVER: &str = "/receiver/v1/http/";

/// An opened Sumo Logic destination.
#[derive(Debug)]
struct SumoLogic {
    transport: Transport,
    limits: Limits,
    /// The request without its records. It keeps the address, which is the credential, out of `Debug`.
    request: HttpParcel,
    max_message_bytes: usize,
}

impl SumoLogic {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let mut request = HttpParcel { gzip: Gzip::Large, ..HttpParcel::bare(Method::POST, address(section)) };
        request.headers.push((HeaderName::from_static("x-sumo-client"), HeaderValue::from_static("defender-relay")));
        for (header, key) in [("x-sumo-category", "CATEGORY"), ("x-sumo-name", "NAME"), ("x-sumo-host", "HOST")] {
            let value = section.text(key).and_then(|value| label(section, key, &value));
            request.headers.extend(value.map(|value| (HeaderName::from_static(header), value)));
        }
        let fields = section.text("FIELDS").and_then(|fields| label(section, "FIELDS", &pairs(section, &fields)));
        request.headers.extend(fields.map(|fields| (FIELDS_HEADER, fields)));
        let sumo = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            limits: Limits { bytes: section.number("MAX_BATCH_BYTES", 100_000..=1_000_000), ..Limits::ANY },
            request,
            // The line feed that ends a line comes on top.
            max_message_bytes: section.number("MAX_MESSAGE_BYTES", 2_048..=999_999),
        };
        section.finish(sumo)
    }
}

impl Destination for SumoLogic {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        shrink::fit(out, event, self.max_message_bytes, |out, record, dropped| push_line(out, event, record, dropped))?;
        out.push(b'\n');
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        Parcel::Http(HttpParcel { body: records.joined(), ..self.request.clone() })
    }

    fn judge(&self, _sent: &Parcel, reply: &Reply, records: usize) -> Verdict {
        let Reply::Http { status, .. } = reply else { return Verdict::by_status(reply) };
        let misconfigured = |text: &str| Verdict::Misconfigured { reason: format!("HTTP {status}: {text}") };
        match status.as_u16() {
            401 | 403 => misconfigured("the address is not, or no longer, that of an HTTP source; check URL"),
            404 => misconfigured("no HTTP source here; check URL"),
            // Not read within 30 s. A part may be ingested, but which is not said: send all of it again, in smaller requests.
            408 if records > 1 => Verdict::Split { reason: format!("HTTP {status}: the request took too long") },
            _ => Verdict::by_status(reply),
        }
    }

    /// A request without any line: proves the address, the trust and the token, and leaves nothing behind.
    fn probe(&self) -> Option<Parcel> {
        Some(Parcel::Http(self.request.clone()))
    }

    fn warnings(&self) -> Vec<String> {
        let has_fields = self.request.headers.iter().any(|(name, _)| *name == FIELDS_HEADER);
        let dropped =
            "FIELDS that are not in Sumo Logic's field table, or not enabled there, are dropped without a word";
        has_fields.then(|| dropped.to_owned()).into_iter().collect()
    }
}

/// Appends the record as it is. One that lost members says which, and carries its event id: the bytes that it is the hash of are not all
/// there.
fn push_line(out: &mut Vec<u8>, event: &Event<'_>, record: &str, dropped: &[String]) -> Result<(), RenderError> {
    if dropped.is_empty() {
        shrink::push_one_line(out, record);
        return Ok(());
    }
    let members = members(record).ok_or_else(|| RenderError("the record is no JSON object".to_owned()))?;
    let added = [("droppedFields", &*shrink::names(dropped)), ("eventId", &*format!("\"{}\"", event.id))];
    members::push(out, &members, &[], &added, |out, member| out.extend_from_slice(member.value.as_bytes()));
    Ok(())
}

const FIELDS_HEADER: HeaderName = HeaderName::from_static("x-sumo-fields");

/// The address of the source. Faults never quote it: it is the credential.
fn address(section: &Section<'_>) -> Url {
    let url = section.url("URL");
    // Anything else is a fault that is noted already.
    let good = section.text("URL").is_some_and(|text| Url::parse(&text).as_ref() == Ok(&url));
    let token = url.path().split_once(RECEIVER).map(|(_, token)| token);
    if good && (token.is_none_or(|token| token.is_empty() || token.contains('/')) || url.query().is_some()) {
        section.fault(
            "URL",
            "must be the whole address that Sumo Logic shows for the HTTP source, ending in /receiver/v1/http/ and the token",
        );
    }
    url
}

/// Text that travels in a header: printable ASCII.
fn label(section: &Section<'_>, key: &str, text: &str) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(text).ok().filter(|_| text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    if value.is_none() {
        section.fault(key, "must be printable ASCII, since it travels in a header");
    }
    value
}

/// `name=value` pairs as `X-Sumo-Fields` takes them: at most 30, names up to 255 and values up to 200 characters.
fn pairs(section: &Section<'_>, text: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let good = |(name, value): &(&str, &str)| {
        (1..=255).contains(&name.len())
            && name.chars().all(legal)
            && (1..=200).contains(&value.len())
            && !value.contains('=')
    };
    let parts: Vec<&str> = text.split(',').collect();
    let pairs: Vec<(&str, &str)> = parts
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
        .filter(good)
        .collect();
    if pairs.len() != parts.len() || pairs.len() > 30 {
        section.fault(
            "FIELDS",
            "must be at most 30 pairs like environment=prod,team=soc: names of letters, digits, _ - and . up to 255, values without , and = up to \
             200 characters",
        );
    }
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
