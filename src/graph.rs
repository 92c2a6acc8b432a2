//! Microsoft Graph as a source: alerts of the whole tenant, from the security API's `alerts_v2`.
//!
//! Facts: [list alerts_v2](https://learn.microsoft.com/graph/api/security-list-alerts_v2), [throttling
//! limits](https://learn.microsoft.com/graph/throttling-limits), [national clouds](https://learn.microsoft.com/graph/deployments).

mod asked;
mod cursor;
mod page;
mod seen;
mod sources;
mod twins;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use tokio::time::Instant;
use url::Url;

pub use cursor::{Cursor, Endless, Spans, Step, Walk};
pub use page::{Item, Page};
pub use twins::{Standing, Twins};

use crate::api::{Answer, Api, ApiError};
use crate::batch::Pace;
use crate::cloud::{Cloud, Service};
use crate::deliver::token::Identity;
use crate::event::Source;
use crate::settings::{Section, Setting, SettingsError};
use sources::Sources;

/// Settings of the poller, read as `GRAPH__…`.
pub const SETTINGS: &[Setting] = &[
    Setting::default("ENABLED", "false", "Whether alerts are read from Microsoft Graph."),
    Setting::optional(
        "URL",
        "Root of Microsoft Graph. Without it, that of AZURE_CLOUD; the US Department of Defense has https://dod-graph.microsoft.us.",
    ),
    Setting::default(
        "SERVICE_SOURCES",
        "microsoftDefenderForCloud",
        "The products whose alerts are read, by Graph's words for `serviceSource`, separated by commas; `*` for every product of the tenant.",
    ),
    Setting::default("LOOKBACK", "1h", "How far back the first reading goes, up to 180d."),
    Setting::default(
        "OVERLAP",
        "10m",
        "How far behind the newest alert each reading begins, for alerts that appear late. What is known already is not sent again.",
    ),
    Setting::default("PAGE_SIZE", "100", "Alerts that one request asks for, between 1 and 1000."),
    Setting::default(
        "PREFER",
        "none",
        "Which copy is sent of an alert that comes by continuous export and by Graph in the same state: `export`, `graph`, or `none` for both.",
    ),
    Setting::default(
        "WAIT",
        "15m",
        "How long the other copy waits for the one that PREFER names, before it is sent itself.",
    ),
];

/// The document that holds how far reading has come.
pub const CURSOR: &str = "cursors/graph.json";

/// Somewhat less than the 150 requests a minute that Graph allows for alerts, for each app and tenant.
const PACES: &[Pace] = &[Pace { parcels: 130, records: usize::MAX, per: Duration::from_secs(60) }];

/// The resource.
const PATH: &str = "/v1.0/security/alerts_v2";

/// The opened poller.
#[derive(Debug)]
pub struct Graph {
    api: Api,
    sources: Sources,
    page_size: u16,
    /// The spans of time that rule reading.
    pub spans: Spans,
    /// What is to become of alerts that come both ways; nothing where both copies are sent.
    pub twins: Option<Twins>,
}

impl Graph {
    /// Reads the settings; none when the poller is off. Contacts nobody.
    ///
    /// # Errors
    /// Every faulty setting.
    pub fn open(section: &Section<'_>, identity: &Arc<Identity>) -> Result<Option<Self>, SettingsError> {
        let minute = Duration::from_secs(60);
        let day = 24 * 60 * minute;
        let enabled = section.flag("ENABLED");
        let cloud = section.cloud();
        if enabled && cloud == Cloud::China {
            section.fault(
                "ENABLED",
                "must be false: Microsoft Graph has no security alerts in the cloud that 21Vianet operates",
            );
        }
        let sources = Sources::from_section(section);
        let page_size = section.number("PAGE_SIZE", 1..=1000);
        let spans = Spans {
            lookback: section.duration("LOOKBACK", minute..=180 * day),
            // A clock that goes back by less than a step of its notice must still lie within it.
            overlap: section.duration("OVERLAP", 2 * minute..=day),
        };
        let preferred = section
            .choice("PREFER", &[("none", None), ("export", Some(Source::Export)), ("graph", Some(Source::Graph))]);
        let wait = section.duration("WAIT", minute..=day);
        let root = root(section, cloud);
        let api = root.map(|(service, root)| Api::open(service, cloud, root, identity, PACES));
        let api = match api {
            Some(Err(problem)) => {
                section.fault("URL", &problem);
                None
            }
            Some(Ok(api)) => Some(api),
            None => None,
        };
        // Where Graph is not asked for Defender for Cloud's alerts, nothing comes both ways.
        let twins = preferred.filter(|_| sources.want_defender_for_cloud());
        let twins = twins.map(|preferred| Twins::new(preferred, wait));
        section.finish(api.filter(|_| enabled).map(|api| Self { api, sources, page_size, spans, twins }))
    }

    /// The condition on sources that Graph is to apply.
    #[must_use]
    pub fn condition(&self) -> Option<String> {
        self.sources.condition()
    }

    /// What is allowed, and probably not meant.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let warning = |word| {
            format!(
                "GRAPH__SERVICE_SOURCES: `{word}` is no product known here; if Graph does not know it either, nothing comes of it"
            )
        };
        self.sources.unknown().map(warning).collect()
    }

    /// The page that the walk is at.
    ///
    /// # Errors
    /// When there is none until `deadline`, or it lies elsewhere.
    pub async fn read(&self, walk: &Walk, deadline: Instant) -> Result<Answer, ApiError> {
        let url = match &walk.next {
            Some(link) => self.api.next_page(link)?,
            None => {
                let since = format!("lastUpdateDateTime ge {}", walk.from.strftime("%Y-%m-%dT%H:%M:%SZ"));
                let filter = walk.condition.iter().fold(since, |since, condition| format!("{since} and {condition}"));
                self.api.url(PATH, &[("$filter", &filter), ("$top", &self.page_size.to_string())])
            }
        };
        self.api.read(url, &headers(), deadline).await
    }

    /// The alerts of a page that are wanted and not handled yet.
    #[must_use]
    pub fn fresh<'a>(&self, cursor: &Cursor, items: &[Item<'a>]) -> Vec<Item<'a>> {
        let asks_graph = cursor.walk.as_ref().is_some_and(|walk| walk.condition.is_some());
        let mut met = BTreeSet::new();
        let mut wanted = |item: &&Item<'a>| {
            !cursor.knows(item) && (asks_graph || self.sources.admit(item)) && met.insert(item.version)
        };
        let mut fresh: Vec<Item<'a>> = items.iter().filter(|item| wanted(item)).cloned().collect();
        fresh.sort_by_key(|item| item.changed);
        fresh
    }

    /// Asks for one alert, which proves address, identity and permission.
    ///
    /// # Errors
    /// What is wrong, in words for the person who sets this up.
    pub async fn probe(&self, deadline: Instant) -> Result<(), String> {
        let url = self.api.url(PATH, &[("$top", "1")]);
        let answer = self.api.read(url, &headers(), deadline).await;
        answer.and_then(|answer| Page::parse(&answer.body).map(drop)).map_err(|error| explained(&error))
    }
}

/// The service and its root: by the setting, else by the cloud.
fn root(section: &Section<'_>, cloud: Cloud) -> Option<(Service, Url)> {
    if section.text("URL").is_some() {
        let url = section.url("URL");
        if url.path().trim_end_matches('/').ends_with("/v1.0") {
            section.fault("URL", "must be the root of Microsoft Graph, without /v1.0");
        }
        let is_dod = cloud == Cloud::UsGovernment && url.host_str().is_some_and(|host| host.starts_with("dod-graph."));
        let service = if is_dod { Service::GraphDod } else { Service::Graph };
        return (!section.is_faulty("URL")).then_some((service, url));
    }
    let root = match cloud {
        Cloud::Public => "https://graph.microsoft.com",
        Cloud::UsGovernment => "https://graph.microsoft.us",
        Cloud::China => "https://microsoftgraph.chinacloudapi.cn",
    };
    Url::parse(root).ok().map(|root| (Service::Graph, root))
}

/// Without this, Graph calls Defender for Cloud and Sentinel `unknownFutureValue`.
fn headers() -> [(HeaderName, HeaderValue); 1] {
    [(HeaderName::from_static("prefer"), HeaderValue::from_static("include-unknown-enum-members"))]
}

/// An error in words for the person who set this up.
#[must_use]
pub fn explained(error: &ApiError) -> String {
    match error {
        ApiError::Refused { status: StatusCode::UNAUTHORIZED, .. } => {
            format!("{error}; the token may be for another cloud than GRAPH__URL: look at AZURE_CLOUD")
        }
        ApiError::Refused { status: StatusCode::FORBIDDEN, .. } => {
            format!(
                "{error}; give the app's identity the application permission SecurityAlert.Read.All of Microsoft Graph, with the consent of \
             an administrator"
            )
        }
        ApiError::Refused { status: StatusCode::BAD_REQUEST, .. } => {
            format!("{error}; GRAPH__PAGE_SIZE or GRAPH__SERVICE_SOURCES may ask for what Graph does not know")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
