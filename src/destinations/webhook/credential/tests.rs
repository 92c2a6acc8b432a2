use http::{HeaderMap, StatusCode};

use super::*;
use crate::batch::Records;
use crate::cloud::Hosts;
use crate::destinations::Destination as _;
use crate::destinations::webhook::{KIND, Webhook};
use crate::parcel::{Parcel, Reply, Verdict};
use crate::settings::{SettingsError, Values};

const SECRET: &str = "whsec_bWRjLWZvcndhcmRlci1kZW1vLWtleS0wMTIzNDU2Nzg=";

const PARTNER: (&str, &str) = ("URL", "https://api.partner.example/hook");
const SCOPE: (&str, &str) = ("ENTRA_SCOPE", "https://api.partner.example/.default");
const REGISTRATION: [(&str, &str); 3] = [
    ("TENANT_ID", "11111111-1111-4111-8111-111111111111"),
    ("CLIENT_ID", "22222222-2222-4222-8222-222222222222"),
    ("CLIENT_SECRET", "hunter2"),
];

/// A webhook; of two settings with one key the first counts.
fn open(settings: &[(&str, &str)]) -> Result<Webhook, SettingsError> {
    let settings = settings.iter().chain(&[PARTNER, ("SECRET", SECRET)]);
    let values = Values::new(settings.map(|(key, value)| (format!("WEBHOOK__{key}"), (*value).to_owned())));
    Webhook::open(&Section::new("webhook", KIND.settings.to_vec(), &values))
}

/// What proves the sender besides the signature.
fn besides(settings: &[(&str, &str)]) -> Auth {
    let webhook = open(settings).unwrap();
    let Parcel::Http(parcel) = webhook.pack(Records::new(&bytes::Bytes::new(), &[])) else { panic!() };
    let Auth::StandardWebhooks { besides, .. } = parcel.auth else { panic!("every request is signed") };
    Auth::clone(&besides)
}

fn faults(settings: &[(&str, &str)]) -> Vec<String> {
    let error = open(settings).unwrap_err();
    assert!(!error.to_string().contains("hunter"), "{error}");
    error.faults.into_iter().map(|fault| fault.setting.replace("WEBHOOK__", "")).collect()
}

#[test]
fn a_scope_adds_a_token_that_only_the_receiver_sees() {
    let Auth::Entra(audience) = besides(&[SCOPE]) else { panic!("by the app's identity") };
    assert_eq!(audience.scope, SCOPE.1);
    assert_eq!(audience.hosts, Hosts::only(&Url::parse(PARTNER.1).unwrap()));
    let Auth::OAuth2(credentials) = besides(&[&[SCOPE], &REGISTRATION[..]].concat()) else { panic!("by its own") };
    let issuer = "https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/oauth2/v2.0/token";
    assert_eq!(credentials.token_url.as_str(), issuer);
    assert_eq!((credentials.client_id.as_str(), credentials.scope.as_deref()), (REGISTRATION[1].1, Some(SCOPE.1)));
    assert_eq!(credentials.hosts, audience.hosts);
    assert!(!format!("{credentials:?}").contains("hunter2"));
}

#[test]
fn the_cloud_chooses_the_issuer_unless_one_is_named() {
    let issuer = |pairs: &[(&str, &str)]| {
        let values = Values::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let webhook = Webhook::open(&Section::new("w", KIND.settings.to_vec(), &values)).unwrap();
        let Auth::OAuth2(credentials) = &*webhook.besides else { panic!() };
        (credentials.token_url.to_string(), credentials.scope.clone().unwrap())
    };
    let common = [("W__URL", PARTNER.1), ("W__SECRET", SECRET), ("W__CLIENT_ID", "c"), ("W__CLIENT_SECRET", "s")];
    let china =
        [("AZURE_CLOUD", "china"), ("W__TENANT_ID", "contoso.partner.onmschina.cn"), ("W__ENTRA_SCOPE", SCOPE.1)];
    assert_eq!(
        issuer(&[&common[..], &china].concat()).0,
        "https://login.chinacloudapi.cn/contoso.partner.onmschina.cn/oauth2/v2.0/token"
    );
    let other = [("W__TOKEN_URL", "https://idp.partner.example/token"), ("W__ENTRA_SCOPE", "alerts.write")];
    let wanted = ("https://idp.partner.example/token".to_owned(), "alerts.write".to_owned());
    assert_eq!(issuer(&[&common[..], &other].concat()), wanted);
}

#[test]
fn credentials_that_do_not_go_together_are_faults() {
    let [tenant, client, secret] = REGISTRATION;
    let fixed = ("AUTHORIZATION", "Bearer hunter3");
    let other = ("TOKEN_URL", "https://idp.partner.example/token");
    for (settings, named) in [
        (&[SCOPE, fixed][..], &["AUTHORIZATION"][..]),
        (&[SCOPE, client], &["TENANT_ID", "CLIENT_SECRET"]),
        (&[SCOPE, tenant], &["CLIENT_ID", "CLIENT_SECRET"]),
        (&[SCOPE, other], &["CLIENT_ID", "CLIENT_SECRET"]),
        (&[SCOPE, other, tenant, client, secret], &["TOKEN_URL"]),
        (&[tenant, client, secret], &["ENTRA_SCOPE"]),
        (&[fixed, tenant, client, secret], &["ENTRA_SCOPE"]),
        (&[SCOPE, client, secret, ("TENANT_ID", "common")], &["TENANT_ID"]),
        (&[SCOPE, client, secret, ("TENANT_ID", "a.b/../c")], &["TENANT_ID"]),
        (&[SCOPE, client, secret, ("TOKEN_URL", "http://idp.partner.example/token")], &["TOKEN_URL"]),
        (&[("ENTRA_SCOPE", "https://api.partner.example")], &["ENTRA_SCOPE"]),
        (&[("ENTRA_SCOPE", "api://a/.default api://b/.default")], &["ENTRA_SCOPE"]),
        (&[("ENTRA_SCOPE", "https://graph.microsoft.com/.default")], &["ENTRA_SCOPE"]),
        (&[("ENTRA_SCOPE", "https://management.azure.com/.default"), tenant, client, secret], &["ENTRA_SCOPE"]),
        (&[("URL", "https://203.0.113.9/hook"), ("ENTRA_SCOPE", "api://a/.default")], &["URL"]),
        (&[("URL", "https://elsewhere.example/hook"), SCOPE], &["ENTRA_SCOPE"]),
    ] {
        assert_eq!(faults(settings), named, "{settings:?}");
    }
}

#[test]
fn who_is_not_trusted_is_told_which_settings_to_check() {
    for (settings, named) in [
        (&[][..], "AUTHORIZATION"),
        (&[SCOPE], "the app's identity"),
        (&[SCOPE, REGISTRATION[0], REGISTRATION[1], REGISTRATION[2]], "CLIENT_ID"),
    ] {
        let webhook = open(settings).unwrap();
        let sent = webhook.pack(Records::new(&bytes::Bytes::new(), &[]));
        for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
            let reply = Reply::Http { status, headers: HeaderMap::new(), body: "no".into() };
            let Verdict::Misconfigured { reason } = webhook.judge(&sent, &reply, 1) else { panic!("{status}") };
            assert!(reason.contains("SECRET") && reason.contains(named), "{reason}");
        }
    }
}
