//! The catalogue of destinations, and the contract that each of them keeps.
//!
//! To add a destination: one folder, its `mod` line, its [`CATALOG`] line.

mod anomali;
mod arcsight;
mod inspark;
mod logrhythm;
mod logzio;
mod lookout;
mod paloalto_cortex;
mod paloalto_xsoar;
mod powerbi;
mod qradar;
mod sentinel;
mod servicenow;
mod splunk;
mod sumologic;
mod syslog;
mod webhook;

/// Every kind of destination, in the order of the documentation.
pub const CATALOG: &[Kind] = &[
    sentinel::KIND,
    splunk::KIND,
    qradar::KIND,
    servicenow::KIND,
    arcsight::KIND,
    powerbi::KIND,
    paloalto_xsoar::KIND,
    paloalto_cortex::KIND,
    sumologic::KIND,
    syslog::KIND,
    logrhythm::KIND,
    logzio::KIND,
    anomali::KIND,
    lookout::KIND,
    inspark::KIND,
    webhook::KIND,
];

use std::fmt;

use jiff::Timestamp;

use crate::batch::{Limits, Records};
use crate::event::Event;
use crate::parcel::{HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::Transport;

/// What the rest of the program knows about one kind of destination.
#[derive(Debug)]
pub struct Kind {
    /// Folder, default instance name, log field: `splunk`.
    pub name: &'static str,
    /// README row: `Splunk HTTP Event Collector`.
    pub title: &'static str,
    /// What arrives there, in a few words, for the README's table.
    pub arrives: &'static str,
    /// The only settings it may read, besides those that every destination has: its own, then its transport's.
    pub settings: &'static [&'static [Setting]],
    /// Which record kinds it gets where its `EVENTS` says nothing: `*`, or a list of those that it can use sensibly.
    pub events: &'static str,
    /// Whether it gets the weekly snapshots where its `SNAPSHOTS` says nothing: not where each record becomes work for a person.
    pub snapshots: bool,
    /// Checks the settings and opens the destination; every fault at once.
    pub open: fn(&Section<'_>) -> Result<Box<dyn Destination>, SettingsError>,
    /// How `defender-relay local` plays the other side when there are no settings.
    pub rehearsal: Rehearsal,
    /// How `defender-relay create` prepares the other side; nothing where there is nothing that the relay could make.
    pub create: Option<Create>,
}

/// What `defender-relay create` makes on the other side before the first delivery. Both read the section by themselves: what is made
/// may be what a required setting names.
#[derive(Debug)]
pub struct Create {
    /// What shall be there, in the other side's own language, for a person to read or to run.
    pub define: fn(&Section<'_>) -> Result<String, SettingsError>,
    /// The request that makes it; nothing where a person has to run the definition.
    pub order: fn(&Section<'_>) -> Result<Option<Order>, SettingsError>,
}

/// A request that makes something on the other side, once, because a person asks for it.
#[derive(Debug)]
pub struct Order {
    /// How the parcel travels.
    pub transport: Transport,
    /// The request.
    pub parcel: HttpParcel,
    /// Key of the setting that shall name what is made. Where it is set already, another one is only made on demand.
    pub names: &'static str,
    /// From when on the other side makes no more of them, and what to use instead.
    pub sunset: (Timestamp, &'static str),
    /// The value of that setting that a reply tells, or why there is none.
    pub outcome: fn(&Reply) -> Result<String, String>,
}

/// Settings and replies for a local run without any account.
#[derive(Debug)]
pub struct Rehearsal {
    /// Setting key and value. `{http}` stands for the loopback HTTP receiver's base URL (`http://127.0.0.1:port`), `{tcp}` and `{tls}`
    /// for the `host:port` of the loopback syslog receivers, `{ca}` for the path of the CA certificate that signed the latter.
    pub settings: &'static [(&'static str, &'static str)],
    /// What the HTTP receiver answers, by piece of the path: (piece, status, JSON body). A preview follows conversations by them too, so a
    /// piece should be found in the paths of every set-up.
    pub replies: &'static [(&'static str, u16, &'static str)],
}

impl Rehearsal {
    /// What the HTTP receiver answers to a request for `path`, as the longest piece in it says: by default 200 and an empty object.
    #[must_use]
    pub fn answer(&self, path: &str) -> (u16, &'static str) {
        let matching = self.replies.iter().filter(|(piece, ..)| path.contains(piece));
        matching.max_by_key(|(piece, ..)| piece.len()).map_or((200, "{}"), |(_, status, body)| (*status, *body))
    }
}

/// A configured destination. Everything here is pure: nothing here can send, wait, or read a clock.
pub trait Destination: fmt::Debug + Send + Sync {
    /// How parcels travel: address, TLS, time-outs. Inert data for the courier.
    fn transport(&self) -> &Transport;

    /// What one parcel may hold.
    fn limits(&self) -> Limits;

    /// Whether the event says anything to this destination; one that does not is counted as filtered. For destinations that take only a
    /// part of an alert, such as its indicators.
    fn takes(&self, event: &Event<'_>) -> bool {
        let _ = event;
        true
    }

    /// Where the event's record goes on the other side, for a destination that has several places, such as tables: the records of a parcel
    /// are of one group. The place that is always there is 0. What is misconfigured about another one (a table that nobody made) parks the
    /// records of that group and no others.
    fn group(&self, event: &Event<'_>) -> u16 {
        let _ = event;
        0
    }

    /// Appends one record to `out`. Records of a run lie one after another: a format that needs a separator ends each record
    /// with it.
    ///
    /// # Errors
    /// When this event can never be expressed here; it is then dead-lettered with the reason. `out` may hold a partial record.
    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError>;

    /// Makes one message of one run. Never called with an empty run.
    fn pack(&self, records: Records<'_>) -> Parcel;

    /// Decides what a reply to `sent` means. `records` is how many records the run held.
    fn judge(&self, sent: &Parcel, reply: &Reply, records: usize) -> Verdict {
        let _ = (sent, records);
        Verdict::by_status(reply)
    }

    /// A harmless connectivity check, and what it proves in words; its reply is judged by [`Destination::judge`] with 0 records.
    fn probe(&self) -> Option<Parcel> {
        None
    }

    /// The tickets that it keeps, where people close them and that shall close alerts.
    fn tickets(&self) -> Option<&dyn Tickets> {
        None
    }

    /// Faults that are allowed but worth a word at start, such as UDP or an unencrypted transport.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Tickets of alerts, and the questions about those that people closed. As pure as [`Destination`].
pub trait Tickets: fmt::Debug + Send + Sync {
    /// Asks for the closed tickets that were changed at `since` or later, the oldest change first, without the first `skip` of them.
    fn ask(&self, since: Timestamp, skip: usize) -> Parcel;

    /// Asks for all tickets of one alert, whatever their state; nothing for an id that is no part of a question.
    fn ask_about(&self, alert: &str) -> Option<Parcel>;

    /// Reads the answer to either question.
    ///
    /// # Errors
    /// When it is none to rely on: what the reply means, as for a delivery.
    fn read(&self, reply: &Reply) -> Result<TicketPage, Verdict>;
}

/// A page of tickets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TicketPage {
    /// Those that are about alerts.
    pub tickets: Vec<Ticket>,
    /// How many rows the page held.
    pub rows: usize,
    /// Whether there may be more.
    pub more: bool,
}

/// A ticket of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Its id on the other side.
    pub id: String,
    /// What people call it.
    pub number: String,
    /// `systemAlertId` of the alert, in lower case.
    pub alert: String,
    /// When it was changed last.
    pub changed: Timestamp,
    /// Whether it is closed.
    pub is_closed: bool,
    /// Whether it was told that the alert is closed: then it was closed because of that.
    pub knows_alert_is_closed: bool,
    /// Why it was closed, in the other side's own word.
    pub close_code: String,
}

/// Why an event can never be expressed for a destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(pub String);

/// The kind of that name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static Kind> {
    CATALOG.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
pub(crate) mod opened {
    //! Destinations that speak syslog, opened for their unit tests.

    use super::{Destination, Kind, SettingsError};
    use crate::event::Event;
    use crate::settings::{Section, Values};

    /// Opens the kind with these settings; without an `ADDRESS` among them it is a TLS one.
    pub(crate) fn open(kind: &Kind, settings: &[(&str, &str)]) -> Result<Box<dyn Destination>, SettingsError> {
        // Of settings with one name the first counts.
        let settings = settings.iter().chain(&[("ADDRESS", "tls://collector.example")]);
        let values = Values::new(settings.map(|(key, value)| (format!("X__{key}"), (*value).to_owned())));
        (kind.open)(&Section::new("x", kind.settings.to_vec(), &values))
    }

    /// What the kind makes of the event.
    pub(crate) fn rendered(kind: &Kind, settings: &[(&str, &str)], event: &Event<'_>) -> String {
        let mut out = Vec::new();
        open(kind, settings).unwrap().render(event, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Holds that a README names these keys in this order.
    pub(crate) fn assert_tells_order(readme: &str, order: &[&str]) {
        let readme = readme.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let order = order.iter().map(|key| format!("`{}`", key.to_lowercase())).collect::<Vec<_>>().join(", ");
        assert!(readme.contains(&order), "{order}");
    }
}
