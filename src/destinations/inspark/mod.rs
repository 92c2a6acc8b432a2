//! InSpark's managed security operations centre: a signed webhook in the shape of Graph, with a token of Microsoft Entra ID where
//! InSpark asks for one.
//!
//! InSpark publishes no ingestion endpoint. What is public is that its APIs take tokens of Entra ID, by client credentials, for the scope
//! `https://api.inspark.nl/.default`.

use super::{Kind, Rehearsal, webhook};
use crate::settings::Setting;
use crate::transport::HTTP_SETTINGS;

/// InSpark's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "inspark",
    title: "InSpark",
    arrives: "Graph alerts_v2 objects in a signed webhook; InSpark publishes no ingestion endpoint and supplies the address",
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
        settings: &[("URL", "{http}/inspark"), webhook::REHEARSAL_SECRET, webhook::ONE_AT_A_TIME],
        replies: &[("/inspark", 200, "{}")],
    },
    create: None,
};

const URL: Setting = Setting::required("URL", "Where to post to: the address that InSpark gives you.");
