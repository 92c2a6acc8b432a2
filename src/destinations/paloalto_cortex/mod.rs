//! Palo Alto Networks Cortex XSIAM and Cortex XDR: the HTTP log collector, and alerts injected by `insert_parsed_alerts`.
//!
//! Facts: "Set up an HTTP log collector to receive logs" (Cortex XSIAM documentation), "Make your first API call" and "Insert Parsed Alerts"
//! (Cortex XDR REST API), all at [docs-cortex.paloaltonetworks.com](https://docs-cortex.paloaltonetworks.com).

mod collector;
mod parsed_alerts;
mod stage;

use http::{HeaderName, HeaderValue};
use url::Url;

use self::collector::Collector;
use self::parsed_alerts::{AlertApi, Ends};
use self::stage::{Rest, Stage, is_line};
use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::event::Event;
use crate::parcel::{HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::{HTTP_SETTINGS, HttpOptions, Transport};

/// The row of Cortex in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "paloalto_cortex",
    title: "Palo Alto Networks Cortex XSIAM and XDR",
    arrives: "The original record, in a dataset of the HTTP log collector; or alerts by `insert_parsed_alerts`, for those who still use it",
    settings: &[SETTINGS, HTTP_SETTINGS],
    events: "*",
    snapshots: true,
    open: |section| Cortex::open(section).map(|cortex| Box::new(cortex) as Box<dyn Destination>),
    rehearsal: Rehearsal {
        settings: &[("URL", "{http}/cortex"), ("TOKEN", "rehearsal-collector-token")],
        replies: &[("/cortex", 200, r#"{"error":"false"}"#)],
    },
    create: None,
};

const SETTINGS: &[Setting] = &[
    Setting::required(
        "URL",
        "Base URL of the tenant's API: https://api- and the tenant's host name. The collector's whole URL is understood too.",
    ),
    Setting::default(
        "MODE",
        "collector",
        "collector: every record to an HTTP log collector. parsed_alerts: alerts by insert_parsed_alerts, which Palo Alto is going to retire.",
    ),
    Setting::optional(
        "TOKEN",
        "Token of the HTTP log collector, without a word before it. Needed with MODE=collector; with MODE=parsed_alerts the collector \
         gets the alerts that name no address.",
    )
    .secret(),
    Setting::default(
        "GZIP",
        "false",
        "Whether the collector was created with compression gzip. Must say the same as the collector: it refuses everything else with HTTP 500.",
    ),
    Setting::optional("AUTH_ID", "Value of the header x-xdr-auth-id for the collector, where a tenant or a gateway asks for it."),
    Setting::optional("API_KEY", "Key of the Cortex API. Needed with MODE=parsed_alerts.").secret(),
    Setting::optional("KEY_ID", "Id of that key, the number in the table of API keys. Needed with MODE=parsed_alerts."),
    Setting::default("KEY_TYPE", "standard", "Security level of that key: standard, or advanced (each request is signed anew)."),
];

/// An opened Cortex destination.
#[derive(Debug)]
struct Cortex {
    transport: Transport,
    /// Without `api-` before the tenant's name the console answers, not the API.
    odd_host: bool,
    mode: Mode,
}

/// Where records go.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one per destination")]
enum Mode {
    Collector(Collector),
    /// `others` gets the alerts that the API cannot express.
    ParsedAlerts {
        api: AlertApi,
        others: Option<Collector>,
    },
}

impl Cortex {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let base = base(section);
        let parsed_alerts = section.choice("MODE", &[("collector", false), ("parsed_alerts", true)]);
        let mode = if parsed_alerts {
            let others = section.text("TOKEN").map(|_| Collector::open(section, &base));
            Mode::ParsedAlerts { api: AlertApi::open(section, &base), others }
        } else {
            Mode::Collector(Collector::open(section, &base))
        };
        let host = base.host_str().unwrap_or_default();
        let cortex = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            odd_host: host.ends_with(".paloaltonetworks.com") && !host.starts_with("api-"),
            mode,
        };
        section.finish(cortex)
    }
}

impl Destination for Cortex {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    fn limits(&self) -> Limits {
        match self.mode {
            Mode::Collector(_) => collector::LIMITS,
            Mode::ParsedAlerts { .. } => parsed_alerts::LIMITS,
        }
    }

    fn takes(&self, event: &Event<'_>) -> bool {
        matches!(self.mode, Mode::Collector(_)) || event.alert.is_some()
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        if let Mode::ParsedAlerts { others, .. } = &self.mode {
            match event.alert.as_deref().and_then(|alert| Some((alert, Ends::of(alert)?))) {
                Some((alert, ends)) => {
                    parsed_alerts::write(event, alert, &ends, out);
                    return Ok(());
                }
                None if others.is_none() => return Err(RenderError(NO_ADDRESS.to_owned())),
                None => {}
            }
        }
        collector::write(event, out);
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        Parcel::Http(match &self.mode {
            Mode::Collector(collector) => collector.parcel(records.joined(), &Stage::lines()),
            Mode::ParsedAlerts { others: Some(collector), .. } if records.iter().all(|(_, record)| is_line(record)) => {
                collector.parcel(records.joined(), &Stage::lines())
            }
            Mode::ParsedAlerts { api, .. } => {
                let alerts = records.iter().map(|(_, record)| record).filter(|record| !is_line(record));
                api.parcel(alerts, Rest::of(records))
            }
        })
    }

    fn judge(&self, sent: &Parcel, reply: &Reply, _records: usize) -> Verdict {
        let Parcel::Http(parcel) = sent else { return Verdict::by_status(reply) };
        match Stage::of(parcel) {
            Stage::Lines { refusals } => collector::judge(parcel, refusals, reply),
            // The alerts are in already: what became of the lines is for the lines alone to bear, in a run of their own.
            Stage::Rest { places } => match collector::judge(parcel, 0, reply) {
                Verdict::Accepted => Verdict::Accepted,
                _ => Verdict::Partial { rejected: Vec::new(), resend: places },
            },
            Stage::Alerts { rest } => match (parsed_alerts::judge(reply), rest, &self.mode) {
                (Verdict::Accepted, Some(rest), Mode::ParsedAlerts { others: Some(collector), .. }) => {
                    let stage = Stage::Rest { places: rest.places };
                    Verdict::Then(Box::new(Parcel::Http(collector.parcel(rest.lines.into(), &stage))))
                }
                (verdict, ..) => verdict,
            },
            Stage::Validate => parsed_alerts::judge_validation(reply),
        }
    }

    /// The alert API has a call that validates the key. The collector takes every request for a delivery, so only the connection to it is
    /// made: that proves the address and the trust, not the token.
    fn probe(&self) -> Option<Parcel> {
        Some(Parcel::Http(match &self.mode {
            Mode::Collector(collector) => HttpParcel::connect(collector.url().clone()),
            Mode::ParsedAlerts { api, .. } => api.validation(),
        }))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.odd_host {
            warnings.push(
                "URL does not begin with https://api-; the API does not answer at the console's address".to_owned(),
            );
        }
        if let Mode::ParsedAlerts { others, .. } = &self.mode {
            warnings.push(
                "insert_parsed_alerts is on Palo Alto's own deprecation list; MODE=collector is the successor"
                    .to_owned(),
            );
            if others.is_none() {
                warnings.push(
                    "alerts that name no address become dead letters; set TOKEN, and a collector takes them".to_owned(),
                );
            }
        }
        warnings
    }
}

/// Why an alert is dead-lettered when there is no collector to send it to.
const NO_ADDRESS: &str = "the alert names no IP address, without which insert_parsed_alerts takes none; set TOKEN, and an HTTP log \
                          collector takes such alerts";

/// The base URL, also from the URL of an endpoint below it.
fn base(section: &Section<'_>) -> Url {
    let mut url = section.url("URL");
    if url.query().is_some() {
        section.fault("URL", "must not hold a query");
        url.set_query(None);
    }
    let path = url.path().trim_end_matches('/');
    let path = [collector::PATH, parsed_alerts::PATH].iter().find_map(|end| path.strip_suffix(end)).unwrap_or(path);
    let path = path.to_owned();
    url.set_path(&path);
    url
}

/// The URL of that path below the base.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// What this mode cannot do without and sends as a header, without a scheme.
fn needed(section: &Section<'_>, key: &str, mode: &str) -> String {
    let Some(text) = section.text(key) else {
        section.fault(key, &format!("is required with MODE={mode}"));
        return String::new();
    };
    if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
        section.fault(key, "must be the credential alone, without the word Bearer");
    } else if HeaderValue::from_str(&text).is_err() {
        section.fault(key, NO_HEADER);
    }
    text
}

const NO_HEADER: &str = "holds a character that no HTTP header can carry";

/// The header that says which key a request uses.
const AUTH_ID: HeaderName = HeaderName::from_static("x-xdr-auth-id");

fn header(section: &Section<'_>, key: &str, text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| {
        section.fault(key, NO_HEADER);
        HeaderValue::from_static("")
    })
}

fn misconfigured(status: impl std::fmt::Display, what_to_mend: &str) -> Verdict {
    Verdict::Misconfigured { reason: format!("HTTP {status}: {what_to_mend}") }
}

#[cfg(test)]
mod tests;
