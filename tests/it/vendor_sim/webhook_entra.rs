//! `webhook` against a simulated receiver that wants a token of Microsoft Entra ID besides the signature, and takes nothing from callers
//! without a role.

use defender_relay::deliver::{Fate, Outlet};
use serde_json::{Value, json};

use super::webhook::SECRET;
use super::{Simulator, all_parked, five, render, send};

/// What the simulated receiver's owner would name.
pub(super) const SCOPE: (&str, &str) = ("ENTRA_SCOPE", "https://api.partner.example/.default");
pub(super) const TOKEN_URL: (&str, &str) =
    ("TOKEN_URL", "{sim}/entra/11111111-1111-4111-8111-111111111111/oauth2/v2.0/token");
/// The simulator's app registrations; nobody's. The weak one has no role anywhere.
pub(super) const CLIENT: (&str, &str) = ("CLIENT_ID", "22222222-2222-4222-8222-222222222222");
pub(super) const SECRET_OF_CLIENT: (&str, &str) = ("CLIENT_SECRET", "sim-client-secret~0123456789");
const WEAK_CLIENT: [(&str, &str); 2] =
    [("CLIENT_ID", "33333333-3333-4333-8333-333333333333"), ("CLIENT_SECRET", "sim-weak-secret~0123456789")];

/// Where the app's identity, and app registrations, get their tokens.
const ISSUERS: [(&str, &[(&str, &str)]); 2] = [("msi", &[]), ("entra", &[TOKEN_URL, CLIENT, SECRET_OF_CLIENT])];

/// A webhook to that door of the receiver. Of two settings with one key the first counts.
fn open(simulator: &Simulator, door: &str, settings: &[(&str, &str)]) -> Outlet {
    let url = format!("{{sim}}/webhook/{door}");
    let common = [("URL", url.as_str()), ("SECRET", SECRET), SCOPE, ("CONCURRENCY", "1")];
    let settings: Vec<(&str, String)> =
        settings.iter().chain(&common).map(|(key, value)| (*key, value.replace("{sim}", &simulator.base))).collect();
    simulator.open("webhook", &settings.iter().map(|(key, value)| (*key, value.as_str())).collect::<Vec<_>>())
}

async fn five_fates(outlet: &Outlet) -> Vec<Fate> {
    let (rendered, _) = render(outlet, &five());
    send(outlet, &rendered, 10).await
}

/// How many tokens the issuer gave.
async fn tokens(simulator: &Simulator, issuer: &str) -> usize {
    simulator.list(&format!("received?vendor={issuer}")).await.len()
}

async fn delivered(simulator: &Simulator) -> usize {
    simulator.list("received?vendor=webhook").await.len()
}

#[tokio::test]
async fn one_token_and_a_signature_each_open_the_door() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (issuer, settings) in ISSUERS {
        simulator.reset().await;
        let fates = five_fates(&open(&simulator, "entra", settings)).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{issuer}: {fates:?}");
        assert_eq!((delivered(&simulator).await, tokens(&simulator, issuer).await), (5, 1), "{issuer}");
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn a_caller_without_a_role_is_parked_and_told_what_to_check() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.post("options", json!({"vendor": "msi", "privileged": false})).await;
    for (settings, whose) in
        [(&[][..], "the app's identity"), (&[TOKEN_URL, WEAK_CLIENT[0], WEAK_CLIENT[1]], "CLIENT_ID")]
    {
        let fates = five_fates(&open(&simulator, "entra", settings)).await;
        assert!(all_parked(&fates), "{fates:?}");
        let Fate::Parked { reason, .. } = &fates[0] else { panic!("{fates:?}") };
        assert!(reason.contains("403") && reason.contains(whose), "{reason}");
    }
    assert_eq!(delivered(&simulator).await, 0);
}

#[tokio::test]
async fn an_expired_token_is_renewed_once_and_nothing_is_lost() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (issuer, settings) in ISSUERS {
        simulator.reset().await;
        // The time that passes shall end the token, not the signature.
        simulator.post("options", json!({"vendor": "webhook", "tolerance_s": 10_000_000})).await;
        let outlet = open(&simulator, "entra", settings);
        assert!(five_fates(&outlet).await.iter().all(|fate| *fate == Fate::Delivered));
        simulator.post("clock", json!({"advance_s": 100_000})).await;
        let fates = five_fates(&outlet).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{issuer}: {fates:?}");
        assert_eq!((delivered(&simulator).await, tokens(&simulator, issuer).await), (10, 2), "{issuer}");
        let statuses: Vec<Value> = simulator
            .list("requests?vendor=webhook")
            .await
            .into_iter()
            .map(|request| request["status"].clone())
            .collect();
        assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 1, "{statuses:?}");
    }
}

#[tokio::test]
async fn a_scope_that_nobody_has_parks_and_sends_nothing() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (issuer, settings) in ISSUERS {
        let scope = ("ENTRA_SCOPE", "https://nobody.example/.default");
        let fates = five_fates(&open(&simulator, "entra", &[&[scope], settings].concat())).await;
        assert!(all_parked(&fates), "{issuer}: {fates:?}");
    }
    assert!(simulator.list("requests?vendor=webhook").await.is_empty(), "without a token nothing is sent");
}

#[tokio::test]
async fn a_redirect_gets_neither_the_record_nor_the_token() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (issuer, settings) in ISSUERS {
        simulator.reset().await;
        let fates = five_fates(&open(&simulator, "redirect", settings)).await;
        assert!(all_parked(&fates), "{issuer}: {fates:?}");
        let asked = simulator.list("requests?vendor=webhook").await;
        assert!(asked.iter().all(|request| request["path"] == "/webhook/redirect"), "{issuer}: {asked:?}");
    }
}
