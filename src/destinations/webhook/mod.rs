//! Signed webhooks: any HTTPS endpoint that verifies [Standard Webhooks](https://www.standardwebhooks.com/).
//!
//! The partners that publish no ingestion endpoint ([`super::inspark`], [`super::lookout`]) are webhooks with settings of their own.

mod credential;

use std::sync::Arc;

use http::{HeaderValue, Method};
use url::Url;

pub(super) use self::credential::SETTINGS as CREDENTIAL_SETTINGS;
use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::event::Event;
use crate::format::cloudevents::{self, Envelope};
use crate::format::{graph, redact, standard_webhooks};
use crate::parcel::{Auth, HttpParcel, Parcel, Reply, SigningKey, Verdict};
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::{HTTP_SETTINGS, HttpOptions, Transport};

/// The webhook's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "webhook",
    title: "Signed webhook",
    arrives: "The original record, a Graph alerts_v2 object, or a CloudEvent; signed as Standard Webhooks",
    settings: &[&[URL, SECRET], CREDENTIAL_SETTINGS, &[BODY], BODY_SETTINGS, HTTP_SETTINGS],
    events: "*",
    snapshots: true,
    open,
    rehearsal: Rehearsal {
        settings: &[("URL", "{http}/webhook"), REHEARSAL_SECRET, ONE_AT_A_TIME],
        replies: &[("/webhook", 200, "{}")],
    },
    create: None,
};

const URL: Setting = Setting::required("URL", "Where to post to.");

/// The secret that proves the sender.
pub(super) const SECRET: Setting = Setting::required(
    "SECRET",
    "Signing secret: whsec_ and the base64 of 24 to 64 random bytes. Several, separated by commas, during a rotation.",
)
.secret();

const BODY: Setting = Setting::default("BODY", "raw", BODY_ABOUT);

/// The same for receivers that were written against Microsoft Graph.
pub(super) const GRAPH_BODY: Setting = Setting::default("BODY", "graph", BODY_ABOUT);

const BODY_ABOUT: &str = "What is posted: raw (the record as it came), graph (alerts in the shape of Microsoft Graph alerts_v2, other \
                          records raw) or cloudevents (CloudEvents 1.0, structured).";

/// What belongs to the body, and how much is sent at once.
pub(super) const BODY_SETTINGS: &[Setting] = &[
    Setting::default(
        "REDACT_QUERIES",
        "false",
        "Whether the queries of web addresses in the body are replaced by ?redacted: links to blobs can carry access signatures there.",
    ),
    Setting::default(
        "TYPE_PREFIX",
        "io.github.defender-relay",
        "Reverse domain name that CloudEvents types begin with; the record kind and .v1 follow.",
    ),
    Setting::default(
        "CONCURRENCY",
        "4",
        "Requests under way at once, between 1 and 64. With more than 1 the order of deliveries is not kept.",
    ),
    Setting::optional(
        "EVENT_SOURCE",
        "Source of every CloudEvent, a URI reference; without it, /subscriptions/ and the id of the record's subscription, or /tenants/ and a log's tenant.",
    ),
];

/// `not a secret: rehearsal only!` in base64.
pub(super) const REHEARSAL_SECRET: (&str, &str) = ("SECRET", "whsec_bm90IGEgc2VjcmV0OiByZWhlYXJzYWwgb25seSE=");

/// So that the first request of a rehearsal is the same in each run.
pub(super) const ONE_AT_A_TIME: (&str, &str) = ("CONCURRENCY", "1");

/// Opens a webhook, or a partner's kind of it: what differs (the default of `BODY`, say) is in the settings that the kind declares.
pub(super) fn open(section: &Section<'_>) -> Result<Box<dyn Destination>, SettingsError> {
    Webhook::open(section).map(|webhook| Box::new(webhook) as Box<dyn Destination>)
}

/// What is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Raw,
    Graph,
    CloudEvents,
}

/// An opened webhook.
#[derive(Debug)]
struct Webhook {
    transport: Transport,
    url: Url,
    keys: Arc<[SigningKey]>,
    besides: Arc<Auth>,
    body: Body,
    redact_queries: bool,
    envelope: Envelope,
    concurrency: usize,
}

impl Webhook {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let url = section.url("URL");
        let webhook = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            keys: keys(section),
            besides: Arc::new(credential::from_section(section, &url)),
            url,
            body: section
                .choice("BODY", &[("raw", Body::Raw), ("graph", Body::Graph), ("cloudevents", Body::CloudEvents)]),
            redact_queries: section.flag("REDACT_QUERIES"),
            envelope: envelope(section),
            concurrency: section.number("CONCURRENCY", 1..=64),
        };
        section.finish(webhook)
    }

    fn signed(&self, id: String, parcel: HttpParcel) -> Parcel {
        let auth = Auth::StandardWebhooks { id, keys: Arc::clone(&self.keys), besides: Arc::clone(&self.besides) };
        Parcel::Http(HttpParcel { auth, ..parcel })
    }
}

impl Destination for Webhook {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    /// One record per request, so that each has its own id, signature and answer.
    fn limits(&self) -> Limits {
        Limits { records: 1, lanes: self.concurrency, ..Limits::ANY }
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let start = out.len();
        match self.body {
            Body::Raw => out.extend_from_slice(event.raw.as_bytes()),
            Body::Graph => graph::write(event, out),
            Body::CloudEvents => self.envelope.write(event, out),
        }
        if self.redact_queries {
            let record = String::from_utf8_lossy(&out[start..]);
            let redacted = redact::queries(&record);
            out.truncate(start);
            out.extend_from_slice(redacted.as_bytes());
        }
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        let id = records.iter().next().map(|(id, _)| id.to_string()).unwrap_or_default();
        let content_type = match self.body {
            Body::Raw | Body::Graph => "application/json",
            Body::CloudEvents => cloudevents::CONTENT_TYPE,
        };
        self.signed(id, HttpParcel::post(self.url.clone(), content_type, records.joined()))
    }

    fn judge(&self, sent: &Parcel, reply: &Reply, _records: usize) -> Verdict {
        let Reply::Http { status, .. } = reply else { return Verdict::by_status(reply) };
        let probe = matches!(sent, Parcel::Http(parcel) if parcel.method == Method::OPTIONS);
        match (status.as_u16(), Verdict::by_status(reply)) {
            // Few receivers answer OPTIONS at all; that they say so over HTTP is what the probe asked.
            (404 | 405, _) | (_, Verdict::Rejected { .. } | Verdict::Split { .. }) if probe => Verdict::Accepted,
            (code @ 300..=399, _) => misconfigured(code, "redirects are not followed; set URL to the final address"),
            (code @ (401 | 403), _) => misconfigured(code, credential::what_to_check(&self.besides)),
            (code @ 404, _) => misconfigured(code, "check URL"),
            (code @ 410, _) => misconfigured(code, "the receiver retired this endpoint; ask for its successor"),
            (_, verdict) => verdict,
        }
    }

    /// The `OPTIONS` handshake of the CloudEvents webhook specification: proves address and trust, and delivers nothing.
    fn probe(&self) -> Option<Parcel> {
        let mut parcel = HttpParcel::bare(Method::OPTIONS, self.url.clone());
        let origin = http::HeaderName::from_static("webhook-request-origin");
        parcel.headers.push((origin, HeaderValue::from_static("defender-relay")));
        Some(self.signed("probe".to_owned(), parcel))
    }
}

fn misconfigured(status: u16, what_to_mend: &str) -> Verdict {
    Verdict::Misconfigured { reason: format!("HTTP {status}: {what_to_mend}") }
}

fn keys(section: &Section<'_>) -> Arc<[SigningKey]> {
    let Some(text) = section.text("SECRET") else { return Arc::default() };
    match standard_webhooks::parse_secrets(&text) {
        Ok(keys) => keys.into(),
        Err(problem) => {
            section.fault("SECRET", &problem);
            Arc::default()
        }
    }
}

fn envelope(section: &Section<'_>) -> Envelope {
    let type_prefix = section.string("TYPE_PREFIX");
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !type_prefix.chars().all(legal) {
        section.fault("TYPE_PREFIX", "must be a reverse domain name: letters, digits, dots and hyphens");
    }
    let source = section.text("EVENT_SOURCE");
    if source.as_ref().is_some_and(|source| !source.chars().all(|c| c.is_ascii_graphic())) {
        section.fault("EVENT_SOURCE", "must be a URI reference: no spaces, and nothing but ASCII");
    }
    Envelope { type_prefix, source }
}

#[cfg(test)]
mod tests;
