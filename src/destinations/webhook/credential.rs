//! What proves the sender besides the signature: a fixed header, a token of the app's identity, or one of an app registration.

use std::sync::Arc;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use url::Url;

use crate::cloud::{Audience, Hosts};
use crate::parcel::{Auth, ClientCredentials};
use crate::settings::{Secret, Section, Setting};

/// All are optional; [`from_section`] knows which go together.
pub(in crate::destinations) const SETTINGS: &[Setting] = &[
    Setting::optional(
        "AUTHORIZATION",
        "Whole value of an Authorization header, for receivers that want one besides the signature: the word Bearer and a token, say.",
    )
    .secret(),
    Setting::optional(
        "ENTRA_SCOPE",
        "For receivers that want a token of Microsoft Entra ID besides the signature: the scope that its owner names, such as \
         api://partner/.default. Never a scope of Microsoft's own services.",
    ),
    Setting::optional(
        "TENANT_ID",
        "Microsoft Entra tenant of CLIENT_ID: its id or a domain name. Without the three, the app's own identity gets the token.",
    ),
    Setting::optional("CLIENT_ID", "Application id of an app registration of yours, whose token is sent."),
    Setting::optional("CLIENT_SECRET", "Client secret of CLIENT_ID.").secret(),
    Setting::optional(
        "TOKEN_URL",
        "Instead of TENANT_ID: the OAuth 2.0 token endpoint that issues tokens to CLIENT_ID, if that is not Microsoft Entra ID.",
    ),
];

/// Reads [`SETTINGS`]. `url` is where the proof goes, and nowhere else.
pub(super) fn from_section(section: &Section<'_>, url: &Url) -> Auth {
    let authorization = section.optional_secret("AUTHORIZATION");
    let scope = section.text("ENTRA_SCOPE");
    let registration = Registration::from_section(section);
    match (authorization, scope) {
        (Some(_), Some(_)) => {
            section.fault("AUTHORIZATION", "excludes ENTRA_SCOPE: a request has one Authorization header");
            Auth::None
        }
        (None, Some(scope)) => token(section, url, &scope, registration),
        (authorization, None) => {
            if registration.is_some() {
                section.fault("ENTRA_SCOPE", "is required with CLIENT_ID: it says what the token is for");
            }
            authorization.map_or(Auth::None, |value| fixed(section, value))
        }
    }
}

/// What to mend when the receiver does not trust us.
pub(super) fn what_to_check(besides: &Auth) -> &'static str {
    match besides {
        Auth::Entra(_) => "check SECRET and ENTRA_SCOPE, and the role of the app's identity at the receiver",
        Auth::OAuth2(_) => "check SECRET and ENTRA_SCOPE, and the role of CLIENT_ID at the receiver",
        _ => "check SECRET and AUTHORIZATION",
    }
}

fn fixed(section: &Section<'_>, value: Secret) -> Auth {
    if HeaderValue::from_str(value.expose()).is_err() {
        section.fault("AUTHORIZATION", "holds a character that no HTTP header can carry");
    }
    Auth::Header { name: AUTHORIZATION, prefix: "", value }
}

/// A token for the owner of `url`, which no other host ever sees.
fn token(section: &Section<'_>, url: &Url, scope: &str, registration: Option<Registration>) -> Auth {
    // Other issuers have scopes of any form.
    let of_entra = registration.as_ref().is_none_or(|registration| registration.of_entra);
    if !scope.bytes().all(|byte| byte.is_ascii_graphic()) {
        section.fault("ENTRA_SCOPE", "must be one scope, without spaces");
    } else if of_entra && !scope.ends_with("/.default") {
        section.fault("ENTRA_SCOPE", "must end in /.default, as Microsoft Entra ID wants it of apps");
    }
    // What another issuer sells opens nothing of Microsoft's.
    let audience = match Audience::partner(scope, url) {
        Err(problem) if of_entra => {
            section.fault("ENTRA_SCOPE", problem);
            return Auth::None;
        }
        Err(_) => Audience { scope: scope.to_owned(), hosts: Hosts::only(url) },
        Ok(audience) => audience,
    };
    if !audience.hosts.admit(url) {
        section.fault("URL", "must name its host, not an address: a token goes to nobody without a name");
    }
    match registration {
        None => Auth::Entra(Arc::new(audience)),
        Some(Registration { token_url, client_id, client_secret, .. }) => Auth::OAuth2(Arc::new(ClientCredentials {
            token_url,
            client_id,
            client_secret,
            scope: Some(audience.scope),
            hosts: audience.hosts,
        })),
    }
}

/// An app registration, and where it gets tokens.
struct Registration {
    token_url: Url,
    client_id: String,
    client_secret: Secret,
    /// Whether the issuer is Microsoft Entra ID.
    of_entra: bool,
}

impl Registration {
    /// None where no setting of it is given. With any, the others are needed.
    fn from_section(section: &Section<'_>) -> Option<Self> {
        let is_given = |key| section.text(key).is_some();
        let other_issuer = is_given("TOKEN_URL");
        let given = [
            ("TENANT_ID", other_issuer || is_given("TENANT_ID")),
            ("CLIENT_ID", is_given("CLIENT_ID")),
            ("CLIENT_SECRET", is_given("CLIENT_SECRET")),
        ];
        if given.iter().all(|(_, given)| !given) {
            return None;
        }
        for (key, _) in given.iter().filter(|(_, given)| !given) {
            section.fault(key, "is required: TENANT_ID (or TOKEN_URL), CLIENT_ID and CLIENT_SECRET go together");
        }
        if other_issuer && is_given("TENANT_ID") {
            section.fault("TOKEN_URL", "excludes TENANT_ID: each says where the token comes from");
        }
        Some(Self {
            token_url: if other_issuer { section.url("TOKEN_URL") } else { entra(section) },
            client_id: section.text("CLIENT_ID").unwrap_or_default(),
            client_secret: section.secret("CLIENT_SECRET"),
            of_entra: !other_issuer,
        })
    }
}

/// The token endpoint of `TENANT_ID` in the cloud that `AZURE_CLOUD` names.
fn entra(section: &Section<'_>) -> Url {
    let tenant = section.text("TENANT_ID").unwrap_or_default();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    // `common` and `organizations` are no tenant that an app could sign in to by itself.
    let is_tenant = tenant.chars().all(legal) && (tenant.contains('.') || tenant.len() == GUID_CHARS);
    if !is_tenant && !tenant.is_empty() {
        section.fault("TENANT_ID", "must be the id of a tenant, or one of its domain names");
    }
    let endpoint = format!("https://{}/{tenant}/oauth2/v2.0/token", section.cloud().authority());
    // Where it is no URL, a fault is noted, and any other stands for it.
    Url::parse(&endpoint).unwrap_or_else(|_| section.url("TOKEN_URL"))
}

const GUID_CHARS: usize = 36;

#[cfg(test)]
mod tests;
