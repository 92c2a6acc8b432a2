//! Logz.io through its HTTPS bulk listener: the records' members, with a time and the event id added, one record a line.
//!
//! Facts: Logz.io's "HTTP" (bulk uploads over HTTP/HTTPS), and the listeners that its own Azure function knows.

mod line;
mod reply;

use http::Method;
use url::Url;

use self::line::Line;
use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::event::Event;
use crate::parcel::{Gzip, HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::{HTTP_SETTINGS, HttpOptions, Transport};

/// Logz.io's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "logzio",
    title: "Logz.io",
    arrives: "The original record as JSON fields, with @timestamp and the event id",
    settings: &[SETTINGS, HTTP_SETTINGS],
    events: "*",
    snapshots: true,
    open: |section| Logzio::open(section).map(|logzio| Box::new(logzio) as Box<dyn Destination>),
    rehearsal: Rehearsal {
        settings: &[("URL", "{http}/logzio"), ("TOKEN", "notASecretRehearsalOnlyAAAAAAAAA")],
        replies: &[("/logzio", 200, "")],
    },
    create: None,
};

const SETTINGS: &[Setting] = &[
    Setting::optional("REGION", "Region of the account: us, au, ca, eu, nl, uk or wa. Give either REGION or URL."),
    Setting::optional(
        "URL",
        "Address of a listener that is not one of a region's: https://listener.example:8071. Give either REGION or URL.",
    ),
    Setting::required("TOKEN", "Log shipping token of the account; not an API token.").secret(),
    Setting::default(
        "TYPE",
        "microsoft_defender_cloud",
        "Log type of every record: Logz.io parses by it. No spaces; not one that begins with logzio-.",
    ),
    Setting::default(
        "STRINGIFY",
        "false",
        "Whether Entities and ExtendedProperties, and of logs all objects, are sent as JSON text: for accounts that run into the limit of fields.",
    ),
];

/// Regions and the hosts of their listeners.
const LISTENERS: [(&str, &str); 7] = [
    ("us", "listener.logz.io"),
    ("au", "listener-au.logz.io"),
    ("ca", "listener-ca.logz.io"),
    ("eu", "listener-eu.logz.io"),
    ("nl", "listener-nl.logz.io"),
    ("uk", "listener-uk.logz.io"),
    ("wa", "listener-wa.logz.io"),
];

/// Ports of every listener.
const HTTPS: u16 = 8071;
const PLAIN_HTTP: u16 = 8070;

/// Most lines of one request. Logz.io takes 10,485,760 bytes, which these always stay below; but when it refuses a line it does not say
/// which, and all lines of that request become dead letters.
const LINES: usize = 20;
const _: () = assert!(LINES * line::MAX_BYTES <= 10_485_760);

/// An opened Logz.io destination.
#[derive(Debug)]
struct Logzio {
    transport: Transport,
    /// The request without its records. It keeps the address, which holds the token, out of `Debug`.
    request: HttpParcel,
    line: Line,
}

impl Logzio {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let mut url = listener(section);
        url.query_pairs_mut().append_pair("token", &token(section)).append_pair("type", &log_type(section));
        let logzio = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            request: HttpParcel { gzip: Gzip::Large, ..HttpParcel::bare(Method::POST, url) },
            line: Line { stringify: section.flag("STRINGIFY") },
        };
        section.finish(logzio)
    }
}

impl Destination for Logzio {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    fn limits(&self) -> Limits {
        Limits { records: LINES, ..Limits::ANY }
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        self.line.push(event, out)
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        Parcel::Http(HttpParcel { body: records.joined(), ..self.request.clone() })
    }

    fn judge(&self, _sent: &Parcel, reply: &Reply, records: usize) -> Verdict {
        reply::judge(reply, records)
    }

    /// The listener keeps whatever it is sent, and notes what it refuses: only the connection is tried.
    fn probe(&self) -> Option<Parcel> {
        Some(Parcel::Http(HttpParcel::connect(self.request.url.clone())))
    }
}

/// The listener's address, of the region or as given.
fn listener(section: &Section<'_>) -> Url {
    let region = section.text("REGION");
    let mut url = section.url("URL");
    match (region, section.text("URL").is_some()) {
        (Some(region), false) => {
            let host = LISTENERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&region)).map(|(_, host)| *host);
            match host.and_then(|host| Url::parse(&format!("https://{host}:{HTTPS}/")).ok()) {
                Some(listener) => url = listener,
                None => section.fault("REGION", "must be one of us, au, ca, eu, nl, uk, wa; or set URL instead"),
            }
        }
        (None, false) => section.fault("REGION", "is required, or else URL: the region of the account"),
        (Some(_), true) => section.fault("REGION", "must not be set together with URL"),
        (None, true) => {
            if url.query().is_some() {
                section.fault("URL", "must not hold a query; TOKEN and TYPE have their own settings");
            }
            if url.port() == Some(PLAIN_HTTP) {
                section.fault("URL", "names 8070, the listener's port for plain HTTP; the one for https is 8071");
            }
            // Its listeners do not answer on the usual port of https.
            if url.port().is_none() && url.host_str().is_some_and(|host| host.ends_with(".logz.io")) {
                let _ = url.set_port(Some(HTTPS));
            }
        }
    }
    url.set_query(None);
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

fn token(section: &Section<'_>) -> String {
    let token = section.string("TOKEN");
    if !token.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        section.fault("TOKEN", "must be the log shipping token alone: letters, digits, - and _");
    }
    token
}

fn log_type(section: &Section<'_>) -> String {
    let log_type = section.string("TYPE");
    if !log_type.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
        section.fault("TYPE", "must consist of letters, digits, -, _ and .");
    }
    // Logz.io files what it could not index under such types.
    if log_type.to_ascii_lowercase().starts_with("logzio-") {
        section.fault("TYPE", "must not begin with logzio-, as the types do that Logz.io gives to invalid logs");
    }
    log_type
}

#[cfg(test)]
mod tests;
