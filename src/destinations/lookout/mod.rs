//! Lookout: a signed webhook in the shape of Graph, to a receiver of the customer's.
//!
//! Lookout is a producer of alerts. Its Mobile Risk API only hands out; there is no API that takes alerts in.

use super::{Kind, Rehearsal, webhook};
use crate::settings::Setting;
use crate::transport::HTTP_SETTINGS;

/// Lookout's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "lookout",
    title: "Lookout",
    arrives: "Graph alerts_v2 objects in a signed webhook, at a receiver of yours; Lookout publishes no ingestion endpoint",
    settings: &[
        &[URL, webhook::SECRET],
        webhook::CREDENTIAL_SETTINGS,
        &[webhook::GRAPH_BODY],
        webhook::BODY_SETTINGS,
        HTTP_SETTINGS,
    ],
    events: "alert",
    snapshots: true,
    open: webhook::open,
    rehearsal: Rehearsal {
        settings: &[("URL", "{http}/lookout"), webhook::REHEARSAL_SECRET, webhook::ONE_AT_A_TIME],
        replies: &[("/lookout", 200, "{}")],
    },
    create: None,
};

const URL: Setting = Setting::required("URL", "Where to post to: the receiver that you run beside Lookout.");
