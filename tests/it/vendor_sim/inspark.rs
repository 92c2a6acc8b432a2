//! `inspark` against a simulated receiver that wants the signature and a token of Microsoft Entra ID: of the app's identity, and of an
//! app registration.

use super::webhook::{SECRET, WEBHOOK_BYTES};
use super::webhook_entra::{CLIENT, SCOPE, SECRET_OF_CLIENT, TOKEN_URL};
use super::{Peer, conforms, text};

pub(super) const PEER: Peer = Peer {
    kind: "inspark",
    vendor: "webhook",
    settings: &[("URL", "{vendor}/entra"), ("SECRET", SECRET), SCOPE],
    modes: &[&[], &[TOKEN_URL, CLIENT, SECRET_OF_CLIENT]],
    fits: |record| record.len() <= WEBHOOK_BYTES,
    stored: |items| items.iter().map(|item| text(&item["webhook_id"])).collect(),
    ..Peer::PLAIN
};

conforms!(PEER);
