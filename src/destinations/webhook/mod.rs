//! Signed webhooks: any HTTPS endpoint that verifies [Standard Webhooks](https://www.standardwebhooks.com/).

use std::sync::Arc;

use http::{HeaderValue, Method};
use url::Url;

use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::event::Event;
use crate::format::cloudevents::{self, Envelope};
use crate::format::{graph, standard_webhooks};
use crate::parcel::{Auth, HttpParcel, Parcel, Reply, SigningKey, Verdict};
use crate::settings::{Secret, Section, Setting, SettingsError};
use crate::transport::{HTTP_SETTINGS, HttpOptions, Transport};

/// The webhook's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "webhook",
    title: "Signed webhook",
    arrives: "The original record, a Graph alerts_v2 object, or a CloudEvent; signed as Standard Webhooks",
    settings: &[SETTINGS, HTTP_SETTINGS],
    open: |section| Webhook::open(section).map(|webhook| Box::new(webhook) as Box<dyn Destination>),
    rehearsal: Rehearsal {
        // The secret is `not a secret: rehearsal only!` in base64.
        settings: &[("URL", "{http}/webhook"), ("SECRET", "whsec_bm90IGEgc2VjcmV0OiByZWhlYXJzYWwgb25seSE=")],
        replies: &[("/webhook", 200, "{}")],
    },
};

const SETTINGS: &[Setting] = &[
    Setting::required("URL", "Where to post to."),
    Setting::required(
        "SECRET",
        "Signing secret: whsec_ and the base64 of 24 to 64 random bytes. Several, separated by commas, during a rotation.",
    )
    .secret(),
    Setting::optional(
        "AUTHORIZATION",
        "Whole value of an Authorization header, for receivers that want one besides the signature: Bearer ....",
    )
    .secret(),
    Setting::default(
        "BODY",
        "raw",
        "What is posted: raw (the record as it came), graph (alerts in the shape of Microsoft Graph alerts_v2, other records raw) or \
         cloudevents (CloudEvents 1.0, structured).",
    ),
    Setting::default(
        "TYPE_PREFIX",
        "io.github.defender-relay",
        "Reverse domain name that CloudEvents types begin with: <prefix>.alert.v1.",
    ),
    Setting::optional(
        "EVENT_SOURCE",
        "Source of every CloudEvent, a URI reference; without it, /subscriptions/<id> of the record.",
    ),
];

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
    authorization: Option<Secret>,
    body: Body,
    envelope: Envelope,
}

impl Webhook {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let webhook = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            url: section.url("URL"),
            keys: keys(section),
            authorization: authorization(section),
            body: section
                .choice("BODY", &[("raw", Body::Raw), ("graph", Body::Graph), ("cloudevents", Body::CloudEvents)]),
            envelope: envelope(section),
        };
        section.finish(webhook)
    }

    fn signed(&self, id: String, parcel: HttpParcel) -> Parcel {
        let auth =
            Auth::StandardWebhooks { id, keys: Arc::clone(&self.keys), authorization: self.authorization.clone() };
        Parcel::Http(HttpParcel { auth, ..parcel })
    }
}

impl Destination for Webhook {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    /// One record per request, so that each has its own id, signature and answer.
    fn limits(&self) -> Limits {
        Limits::SINGLE
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        match self.body {
            Body::Raw => out.extend_from_slice(event.raw.as_bytes()),
            Body::Graph => graph::write(event, out),
            Body::CloudEvents => self.envelope.write(event, out),
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
            (code @ (401 | 403), _) => misconfigured(code, "check SECRET and AUTHORIZATION"),
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

fn authorization(section: &Section<'_>) -> Option<Secret> {
    let value = section.optional_secret("AUTHORIZATION")?;
    if HeaderValue::from_str(value.expose()).is_err() {
        section.fault("AUTHORIZATION", "holds a character that no HTTP header can carry");
    }
    Some(value)
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
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::batch::Span;
    use crate::event::EventId;
    use crate::settings::Values;

    const SECRET: &str = "whsec_bWRjLWZvcndhcmRlci1kZW1vLWtleS0wMTIzNDU2Nzg=";

    fn open(pairs: &[(&str, &str)]) -> Result<Webhook, SettingsError> {
        let values = Values::new(pairs.iter().map(|(key, value)| (format!("WEBHOOK__{key}"), (*value).to_owned())));
        Webhook::open(&Section::new("webhook", KIND.settings.to_vec(), &values))
    }

    fn reply(status: u16) -> Reply {
        Reply::Http { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body: "no".into() }
    }

    #[test]
    fn the_rehearsal_opens() {
        let secret = KIND.rehearsal.settings[1].1;
        let webhook = open(&[("URL", "http://127.0.0.1:1/webhook"), ("SECRET", secret)]).unwrap();
        assert_eq!(&*webhook.keys, [SigningKey(b"not a secret: rehearsal only!".to_vec())]);
    }

    #[test]
    fn a_record_is_posted_under_its_event_id_and_uncompressed() {
        let webhook = open(&[("URL", "https://a.example/hook"), ("SECRET", SECRET)]).unwrap();
        let (buffer, id) = (bytes::Bytes::from_static(b"{\"a\": 1}"), EventId::of(b"x"));
        let spans = [Span { start: 0, end: buffer.len(), id }];
        let Parcel::Http(parcel) = webhook.pack(Records::new(&buffer, &spans)) else { panic!() };
        assert_eq!((parcel.body.as_ref(), parcel.gzip), (buffer.as_ref(), false));
        let Auth::StandardWebhooks { id: message, .. } = parcel.auth else { panic!() };
        assert_eq!(message, id.to_string());
        assert!(!message.contains('.'));
    }

    #[test]
    fn deliveries_are_judged_by_status() {
        let webhook = open(&[("URL", "https://a.example/hook"), ("SECRET", SECRET)]).unwrap();
        let sent = webhook.pack(Records::new(&bytes::Bytes::new(), &[]));
        let judged = |status| webhook.judge(&sent, &reply(status), 1);
        for status in [200, 201, 202, 204] {
            assert!(matches!(judged(status), Verdict::Accepted), "{status}");
        }
        for status in [302, 308, 401, 403, 404, 405, 410] {
            assert!(matches!(judged(status), Verdict::Misconfigured { .. }), "{status}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(matches!(judged(status), Verdict::Retry { .. }), "{status}");
        }
        for status in [400, 415, 422] {
            assert!(matches!(judged(status), Verdict::Rejected { .. }), "{status}");
        }
        assert!(matches!(judged(413), Verdict::Split { .. }));
    }

    #[test]
    fn a_receiver_without_options_does_not_read_as_broken() {
        let webhook = open(&[("URL", "https://a.example/hook"), ("SECRET", SECRET)]).unwrap();
        let probe = webhook.probe().unwrap();
        let judged = |status| webhook.judge(&probe, &reply(status), 0);
        for status in [200, 204, 400, 404, 405, 501] {
            assert!(matches!(judged(status), Verdict::Accepted), "{status}");
        }
        for status in [301, 401, 403, 410] {
            assert!(matches!(judged(status), Verdict::Misconfigured { .. }), "{status}");
        }
        assert!(matches!(judged(503), Verdict::Retry { .. }));
    }

    #[test]
    fn faults_are_named_all_at_once_and_without_the_secrets() {
        let faulty = [
            ("URL", "http://a.example"),
            ("SECRET", "hunter2"),
            ("AUTHORIZATION", "Bearer hunter3\nX: y"),
            ("BODY", "xml"),
            ("TYPE_PREFIX", "my company"),
            ("EVENT_SOURCE", "a b"),
        ];
        let error = open(&faulty).unwrap_err().to_string();
        for (key, _) in faulty {
            assert!(error.contains(&format!("WEBHOOK__{key}: ")), "{key} in {error}");
        }
        assert!(!error.contains("hunter"));
    }

    #[test]
    fn no_secret_is_shown() {
        let settings = [("URL", "https://a.example/hook"), ("SECRET", SECRET), ("AUTHORIZATION", "Bearer hunter2")];
        let webhook = open(&settings).unwrap();
        let shown = format!("{webhook:?} {:?}", webhook.probe());
        assert!(!shown.contains("hunter2") && !shown.contains("bWRj") && !shown.contains("mdc-forwarder"));
    }
}
