//! `lookout` against a simulated receiver of the customer's.

use defender_relay::deliver::Fate;

use super::webhook::{SECRET, WEBHOOK_BYTES};
use super::{Peer, Simulator, conforms, five, render, send, text};

pub(super) const PEER: Peer = Peer {
    kind: "lookout",
    vendor: "webhook",
    settings: &[("URL", "{vendor}/hook"), ("SECRET", SECRET)],
    fits: |record| record.len() <= WEBHOOK_BYTES,
    stored: |items| items.iter().map(|item| text(&item["webhook_id"])).collect(),
    ..Peer::PLAIN
};

conforms!(PEER);

/// Of both partners.
#[tokio::test]
async fn alerts_have_the_shape_of_graph_unless_told_otherwise() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for kind in ["lookout", "inspark"] {
        for (body, member) in [(None, "providerAlertId"), (Some("raw"), "SystemAlertId"), (Some("cloudevents"), "data")]
        {
            simulator.reset().await;
            let url = format!("{}/webhook/hook", simulator.base);
            let mut settings = vec![("URL", url.as_str()), ("SECRET", SECRET)];
            settings.extend(body.map(|body| ("BODY", body)));
            let outlet = simulator.open(kind, &settings);
            let (rendered, _) = render(&outlet, &five());
            let fates = send(&outlet, &rendered, 10).await;
            assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{kind}: {fates:?}");
            let received = simulator.list("received?vendor=webhook").await;
            assert!(received.iter().all(|item| !item["record"][member].is_null()), "{kind} {body:?}: {received:?}");
        }
    }
}
