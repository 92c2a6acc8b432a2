//! What is read of a record only when somebody asks: the typed views of everything that is no alert.

use std::fmt;
use std::sync::OnceLock;

use super::bag::Bag;
use super::fields::Fields;
use super::texts::Texts;
use super::{Alert, AlertShape, Enrichment, Event, Incident, Log, Posture, RecordKind, Status, alert, enrichment};

/// The typed views of a record, each read on first use and at most once.
#[derive(Default)]
pub struct Details<'a> {
    source: Option<Source<'a>>,
    view: OnceLock<View<'a>>,
    enrichment: OnceLock<Option<Box<Enrichment<'a>>>>,
}

/// The record's text as far as types read it (see [`super::decode`]), and where texts are kept that have to be unescaped.
#[derive(Clone, Copy)]
struct Source<'a> {
    text: &'a str,
    texts: &'a Texts,
}

enum View<'a> {
    Posture(Box<Posture<'a>>),
    Log(Box<Log<'a>>),
    Incident(Box<Incident<'a>>),
    Alert(Box<Alert<'a>>),
    Nothing,
}

impl<'a> Details<'a> {
    pub(super) fn of(text: &'a str, texts: &'a Texts) -> Self {
        Self { source: Some(Source { text, texts }), ..Self::default() }
    }
}

/// A copy reads for itself when it is asked: what it is a copy of may not have been.
impl Clone for Details<'_> {
    fn clone(&self) -> Self {
        Self { source: self.source, ..Self::default() }
    }
}

impl fmt::Debug for Details<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Details")
    }
}

impl<'a> Event<'a> {
    fn view(&self) -> &View<'a> {
        self.details.view.get_or_init(|| {
            let Some(Source { text, texts }) = self.details.source else { return View::Nothing };
            match self.kind {
                RecordKind::Alert | RecordKind::Unknown => return View::Nothing,
                // Its alerts are of the shape of Azure Resource Manager.
                RecordKind::IotAlert => {
                    return View::Alert(Box::new(alert::read(AlertShape::Arm, &Fields::of(text), texts)));
                }
                _ => {}
            }
            let top = Bag::of(text, texts);
            if self.kind == RecordKind::Incident {
                return View::Incident(Box::new(Incident::read(&top)));
            }
            let posture = Posture::read(self.kind, &top).map(|posture| View::Posture(Box::new(posture)));
            let log = || Log::read(self.kind, &top, self.time).map(|log| View::Log(Box::new(log)));
            posture.or_else(log).unwrap_or(View::Nothing)
        })
    }

    /// The typed view of a record about the state of resources; none of any other kind.
    pub fn posture(&self) -> Option<&Posture<'a>> {
        match self.view() {
            View::Posture(posture) => Some(posture),
            _ => None,
        }
    }

    /// The typed view of a log record, a metric or a monitor alert; none of any other kind.
    pub fn log(&self) -> Option<&Log<'a>> {
        match self.view() {
            View::Log(log) => Some(log),
            _ => None,
        }
    }

    /// The typed view of an incident; none of any other kind.
    pub fn incident(&self) -> Option<&Incident<'a>> {
        match self.view() {
            View::Incident(incident) => Some(incident),
            _ => None,
        }
    }

    /// The alert, of Defender for Cloud or of Defender for IoT; none of any other kind.
    pub fn any_alert(&self) -> Option<&Alert<'a>> {
        match (&self.alert, self.kind) {
            (Some(alert), _) => Some(alert),
            (None, RecordKind::IotAlert) => match self.view() {
                View::Alert(alert) => Some(alert),
                _ => None,
            },
            (None, _) => None,
        }
    }

    /// The life-cycle state of an alert or incident; unknown for any other kind.
    pub fn status(&self) -> Status {
        let of_incident = || self.incident().map(|incident| incident.status);
        self.any_alert().map(|alert| alert.status).or_else(of_incident).unwrap_or_default()
    }

    /// What continuous export says about the export; none of alerts and logs, and of records that came another way.
    pub fn enrichment(&self) -> Option<&Enrichment<'a>> {
        let read = || {
            use RecordKind as Kind;
            let may_have_one = !matches!(
                self.kind,
                Kind::Alert
                    | Kind::ActivityLog
                    | Kind::EntraLog
                    | Kind::ResourceLog
                    | Kind::XdrLog
                    | Kind::MonitorAlert
            );
            let source = self.details.source.filter(|_| may_have_one)?;
            enrichment::read(&Bag::of(source.text, source.texts)).map(Box::new)
        };
        self.details.enrichment.get_or_init(read).as_deref()
    }

    /// Whether the record is part of the weekly full state and not a change.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        self.enrichment().is_some_and(|enrichment| enrichment.is_snapshot)
    }
}
