//! Splunk Enterprise and Splunk Cloud through the HTTP Event Collector (HEC).
//!
//! Facts: [HEC](https://help.splunk.com/en/splunk-enterprise/get-started/get-data-in/10.0/get-data-with-http-event-collector) and `inputs.conf`
//! (`[http]`), `limits.conf` (`[http_input]`), `props.conf` of Splunk 10.

mod ack;
mod envelope;
mod fields;
mod hec;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use url::Url;

use self::envelope::Envelope;
use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::event::Event;
use crate::parcel::{Auth, Gzip, HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Secret, Section, Setting, SettingsError};
use crate::transport::{HTTP_SETTINGS, HttpOptions, Transport};

/// Splunk's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "splunk",
    title: "Splunk HTTP Event Collector",
    arrives: "The original record in an HEC envelope, with CIM fields and a sourcetype of its kind",
    settings: &[SETTINGS, HTTP_SETTINGS],
    events: "*",
    snapshots: true,
    open: |section| Splunk::open(section).map(|splunk| Box::new(splunk) as Box<dyn Destination>),
    rehearsal: Rehearsal {
        settings: &[("URL", "{http}/splunk"), ("TOKEN", "00000000-0000-0000-0000-000000000000")],
        replies: &[("/splunk", 200, r#"{"text":"Success","code":0}"#)],
    },
    create: None,
};

const SETTINGS: &[Setting] = &[
    Setting::required(
        "URL",
        "Base URL of the collector, or its full endpoint: https://http-inputs-acme.splunkcloud.com or https://splunk.example:8088.",
    ),
    Setting::required("TOKEN", "HEC token, without the word Splunk before it.").secret(),
    Setting::optional("INDEX", "Index to write to; without it, the token's default index. The token must allow it."),
    Setting::default("SOURCE", "azure:defender-for-cloud", "Source of every event but logs."),
    Setting::default("LOG_SOURCE", "azure:monitor", "Source of logs: activity, Entra, resource and Defender XDR."),
    Setting::default(
        "SOURCETYPE",
        "azure:defender:alert",
        "Sourcetype of alerts. Every other record that is no log has azure:defender: and its kind, whatever is set here.",
    ),
    Setting::default(
        "LOG_SOURCETYPES",
        "add-on",
        "Sourcetypes of logs: add-on (azure:monitor:activity, azure:monitor:aad, azure:monitor:resource, ms:defender:eventhub, as Splunk's \
         own add-ons name them) or own (azure:defender: and the kind).",
    ),
    Setting::default("HOST", "defender-relay", "Host of every event: the sender, not the attacked machine."),
    Setting::default(
        "ACK",
        "auto",
        "Indexer acknowledgement: auto waits for it where the token has it; on refuses a token without it; off never asks.",
    ),
    Setting::default("GZIP", "true", "Whether requests are compressed."),
    Setting::default(
        "MAX_BATCH_BYTES",
        "1_000_000",
        "Most bytes of one request before compression. Splunk Cloud takes 1 MB; Splunk Enterprise 838 MB unless set lower.",
    ),
    Setting::default(
        "MAX_EVENT_BYTES",
        "5_000_000",
        "Most bytes of one event; larger ones are dead-lettered. As maxEventSize in Splunk's limits.conf.",
    ),
];

/// What to do about indexer acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ack {
    /// Wait for it where the receiver offers it.
    Auto,
    /// Insist on it.
    On,
    /// Never ask for it.
    Off,
}

/// An opened Splunk destination.
#[derive(Debug)]
struct Splunk {
    transport: Transport,
    limits: Limits,
    gzip: Gzip,
    ack: Ack,
    token: Secret,
    endpoint: Url,
    /// Where acknowledgements are asked for.
    ack_url: Url,
    health_url: Url,
    channel: HeaderValue,
    envelope: Envelope,
}

impl Splunk {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let ack = section.choice("ACK", &[("auto", Ack::Auto), ("on", Ack::On), ("off", Ack::Off)]);
        let collector = collector(section);
        let below = |path: &str| {
            let mut url = collector.clone();
            url.set_path(&format!("{}{path}", collector.path()));
            url
        };
        let channel = ack::channel(section.name(), &collector);
        let mut ack_url = below("/ack");
        ack_url.query_pairs_mut().append_pair("channel", &channel);
        let splunk = Self {
            transport: Transport::Http(HttpOptions { cookies: ack != Ack::Off, ..HttpOptions::from_section(section) }),
            limits: Limits {
                records: usize::MAX,
                bytes: section.number("MAX_BATCH_BYTES", 10_000..=838_860_800),
                ..Limits::ANY
            },
            gzip: if section.flag("GZIP") { Gzip::Large } else { Gzip::Never },
            ack,
            token: token(section),
            endpoint: below("/event"),
            ack_url,
            health_url: below("/health/1.0"),
            channel: header(&channel),
            envelope: Envelope::from_section(section),
        };
        section.finish(splunk)
    }

    fn authorized(&self, parcel: HttpParcel) -> HttpParcel {
        let auth = Auth::Header { name: AUTHORIZATION, prefix: "Splunk ", value: self.token.clone() };
        HttpParcel { auth, ..parcel }
    }
}

impl Destination for Splunk {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        self.envelope.write(event, out)
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        let post = HttpParcel::post(self.endpoint.clone(), "application/json", records.joined());
        let mut parcel = self.authorized(HttpParcel { gzip: self.gzip, ..post });
        if self.ack != Ack::Off {
            parcel.headers.push((CHANNEL_HEADER, self.channel.clone()));
        }
        Parcel::Http(parcel)
    }

    fn judge(&self, sent: &Parcel, reply: &Reply, records: usize) -> Verdict {
        match sent {
            Parcel::Http(parcel) => hec::judge(self, parcel, reply, records),
            Parcel::Syslog(_) => Verdict::by_status(reply),
        }
    }

    /// Proves the address, the trust, the token, and that the receiver has room; not that the token may write to the index.
    fn probe(&self) -> Option<Parcel> {
        let mut parcel = self.authorized(HttpParcel::get(self.health_url.clone()));
        parcel.memo = hec::Stage::Probe.memo();
        Some(Parcel::Http(parcel))
    }
}

/// Names the data channel that acknowledgements belong to.
const CHANNEL_HEADER: HeaderName = HeaderName::from_static("x-splunk-request-channel");

/// The URL of the collector itself, `…/services/collector`, from a base URL or from any of its endpoints.
fn collector(section: &Section<'_>) -> Url {
    const COLLECTOR: &str = "/services/collector";
    let mut url = section.url("URL");
    if url.query().is_some() {
        section.fault("URL", "must not hold a query; the token has its own setting");
    }
    url.set_query(None);
    let path = url.path().trim_end_matches('/').to_owned();
    let base = match path.split_once(COLLECTOR) {
        Some((base, "" | "/event" | "/event/1.0")) => base,
        Some(_) => {
            section.fault("URL", "must end at the host, or in /services/collector or /services/collector/event");
            ""
        }
        None => &path,
    };
    url.set_path(&format!("{base}{COLLECTOR}"));
    url
}

fn token(section: &Section<'_>) -> Secret {
    let token = section.secret("TOKEN");
    if token.expose().starts_with("Splunk ") {
        section.fault("TOKEN", "must be the token alone, without the word Splunk");
    } else if HeaderValue::from_str(token.expose()).is_err() {
        section.fault("TOKEN", "holds a character that no HTTP header can carry");
    }
    token
}

/// A header value of plain hexadecimal digits and hyphens.
fn header(channel: &str) -> HeaderValue {
    HeaderValue::from_str(channel).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Values;

    fn open(pairs: &[(&str, &str)]) -> Result<Splunk, SettingsError> {
        let values = Values::new(pairs.iter().map(|(key, value)| (format!("SPLUNK__{key}"), (*value).to_owned())));
        Splunk::open(&Section::new("splunk", KIND.settings.to_vec(), &values))
    }

    #[test]
    fn any_of_its_urls_leads_to_the_collector() {
        for (given, base) in [
            ("https://splunk.example:8088", "https://splunk.example:8088/services/collector"),
            ("https://splunk.example:8088/", "https://splunk.example:8088/services/collector"),
            ("https://splunk.example:8088/services/collector", "https://splunk.example:8088/services/collector"),
            ("https://splunk.example:8088/services/collector/event", "https://splunk.example:8088/services/collector"),
            ("https://gate.example/hec/services/collector/event/1.0", "https://gate.example/hec/services/collector"),
            ("http://127.0.0.1:9700/splunk", "http://127.0.0.1:9700/splunk/services/collector"),
        ] {
            let splunk = open(&[("URL", given), ("TOKEN", "t")]).unwrap();
            assert_eq!(splunk.endpoint.as_str(), format!("{base}/event"));
            assert_eq!(splunk.health_url.as_str(), format!("{base}/health/1.0"));
            assert!(splunk.ack_url.as_str().starts_with(&format!("{base}/ack?channel=")));
        }
    }

    #[test]
    fn faults_are_named_all_at_once_and_without_the_token() {
        let faulty = [
            ("URL", "https://splunk.example/services/collector/raw?token=hunter2"),
            ("TOKEN", "Splunk hunter2"),
            ("ACK", "perhaps"),
            ("MAX_BATCH_BYTES", "1"),
        ];
        let error = open(&faulty).unwrap_err().to_string();
        for name in ["SPLUNK__URL", "SPLUNK__TOKEN", "SPLUNK__ACK", "SPLUNK__MAX_BATCH_BYTES"] {
            assert!(error.contains(name), "{name} in {error}");
        }
        assert!(!error.contains("hunter2"));
        assert!(open(&[("URL", "https://splunk.example"), ("TOKEN", "a\nb")]).is_err());
    }

    #[test]
    fn the_channel_and_cookies_come_with_acknowledgement_only() {
        for (ack, wanted) in [("auto", true), ("on", true), ("off", false)] {
            let splunk = open(&[("URL", "https://splunk.example"), ("TOKEN", "t"), ("ACK", ack)]).unwrap();
            let Transport::Http(options) = splunk.transport() else { panic!("HEC speaks HTTP") };
            assert_eq!(options.cookies, wanted);
            let Parcel::Http(parcel) = splunk.pack(Records::new(&bytes::Bytes::new(), &[])) else { panic!() };
            assert_eq!(parcel.headers.iter().any(|(name, _)| *name == CHANNEL_HEADER), wanted);
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let splunk = open(&[("URL", "https://splunk.example"), ("TOKEN", "hunter2")]).unwrap();
        assert!(!format!("{splunk:?} {:?}", splunk.probe()).contains("hunter2"));
    }
}
