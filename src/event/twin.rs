//! Twins: one alert of Defender for Cloud in one state, told by continuous export and by Microsoft Graph.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AlertShape, Event, EventId, Status};

/// Where an alert came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Defender for Cloud's continuous export, through the event hub.
    Export,
    /// Microsoft Graph's `alerts_v2`.
    Graph,
}

impl Source {
    /// Its word in settings and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Graph => "graph",
        }
    }
}

/// The states that both sources can tell apart: Graph has no word for a dismissed alert and calls it resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// New or active, or not said.
    New,
    /// Somebody works on it.
    InProgress,
    /// Resolved or dismissed.
    Settled,
}

impl From<Status> for Stage {
    fn from(status: Status) -> Self {
        match status {
            Status::Unknown | Status::New => Self::New,
            Status::InProgress => Self::InProgress,
            Status::Resolved | Status::Dismissed => Self::Settled,
        }
    }
}

/// What tells a twin: two events of different sources with one id and one stage are twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twin {
    /// The alert: a hash of its key without regard to case.
    pub id: EventId,
    /// Its state.
    pub stage: Stage,
    /// Who tells it.
    pub source: Source,
    /// Since when it stands so, as far as the source says: when the hub took it, or Graph's `lastUpdateDateTime`.
    pub since: Timestamp,
}

impl Event<'_> {
    /// What its twin is known by; nothing where there can be none: only alerts that Defender for Cloud itself raised come both ways.
    #[must_use]
    pub fn twin(&self) -> Option<Twin> {
        let alert = self.alert.as_deref().filter(|alert| alert.is_defender_for_cloud)?;
        let (source, since) = match alert.shape {
            AlertShape::Flat | AlertShape::Arm => (Source::Export, self.seen),
            AlertShape::GraphV2 => (Source::Graph, alert.processing_end_time.unwrap_or(self.seen)),
            AlertShape::LogAnalytics | AlertShape::GraphV1 | AlertShape::Sentinel => return None,
        };
        let key = self.key.as_deref()?.trim().to_ascii_lowercase();
        let id = EventId::of(key.as_bytes());
        (!key.is_empty()).then_some(Twin { id, stage: alert.status.into(), source, since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode::{Decoded, Texts, decode};

    fn twin(record: &serde_json::Value) -> Option<Twin> {
        let (texts, mut decoded, record) = (Texts::default(), Decoded::default(), record.to_string());
        decode(record.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
        decoded.events[0].twin()
    }

    #[test]
    fn export_and_graph_tell_of_one_alert() {
        let export = serde_json::json!({"SystemAlertId": "2517_ABC", "AlertType": "t", "Status": "Dismissed",
            "ProductName": "Microsoft Defender for Cloud"});
        let graph = serde_json::json!({"@odata.type": "#microsoft.graph.security.alert", "id": "da1", "status": "resolved",
            "providerAlertId": "2517_abc", "serviceSource": "microsoftDefenderForCloud",
            "lastUpdateDateTime": "2026-11-23T07:00:00Z"});
        let (export, graph) = (twin(&export).unwrap(), twin(&graph).unwrap());
        assert_eq!((export.id, export.stage), (graph.id, graph.stage));
        assert_eq!((export.source, graph.source), (Source::Export, Source::Graph));
        assert_eq!((export.since, graph.since), (Timestamp::UNIX_EPOCH, "2026-11-23T07:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_comes_one_way_only_has_no_twin() {
        for record in [
            serde_json::json!({"SystemAlertId": "1", "AlertType": "t", "ProductName": "Deep Security Agent"}),
            serde_json::json!({"AlertType": "t", "ProductName": "Microsoft Defender for Cloud"}),
            serde_json::json!({"@odata.type": "#microsoft.graph.security.alert", "id": "da1", "providerAlertId": "1",
                "serviceSource": "microsoftSentinel"}),
            serde_json::json!({"operationName": "x", "category": "Administrative", "time": "2026-11-23T07:00:00Z"}),
        ] {
            assert_eq!(twin(&record), None, "{record}");
        }
    }
}
