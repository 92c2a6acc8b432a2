//! Where XSOAR's API is, and how requests prove who sends them: what differs between the versions.

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use url::Url;

use crate::cloud::is_loopback;
use crate::parcel::{Auth, HttpParcel};
use crate::settings::Section;

/// Which API is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// XSOAR 6.
    Six,
    /// XSOAR 8 and XSIAM.
    Eight,
}

/// The way to the API.
#[derive(Debug)]
pub(super) struct Access {
    /// Searches for incidents.
    pub(super) search: Url,
    /// Creates and updates incidents.
    pub(super) incident: Url,
    /// Closes incidents.
    pub(super) close: Url,
    /// What is allowed but worth a word.
    pub(super) warnings: Vec<String>,
    /// The key.
    pub(super) auth: Auth,
    /// `x-xdr-auth-id` of a standard key; an advanced one brings its own.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Access {
    /// Reads `URL`, `API_KEY`, `KEY_ID` and `KEY_TYPE`.
    pub(super) fn from_section(section: &Section<'_>, version: Version) -> Self {
        const PUBLIC: &str = "/xsoar/public/v1";
        let base = section.url("URL");
        if base.query().is_some() {
            section.fault("URL", "must not hold a query; the key has its own setting");
        }
        let path = base.path().trim_end_matches('/');
        let (path, prefix) = match version {
            Version::Eight => (path.strip_suffix(PUBLIC).unwrap_or(path), PUBLIC),
            Version::Six if path.ends_with(PUBLIC) => {
                section.fault("URL", "has a path of version 8; set VERSION=8, or the bare address of the server");
                (path, "")
            }
            Version::Six => (path, ""),
        };
        let below = |name: &str| {
            let mut url = base.clone();
            url.set_query(None);
            url.set_path(&format!("{path}{prefix}/{name}"));
            url
        };
        let (auth, headers) = auth(section, version);
        Self {
            search: below("incidents/search"),
            incident: below("incident"),
            close: below("incident/close"),
            warnings: warnings(&base, version),
            auth,
            headers,
        }
    }

    /// A POST of JSON with our proof.
    pub(super) fn post(&self, url: &Url, body: Vec<u8>) -> HttpParcel {
        let mut parcel = HttpParcel::post(url.clone(), "application/json", body.into());
        parcel.headers.extend_from_slice(&self.headers);
        HttpParcel { auth: self.auth.clone(), ..parcel }
    }
}

/// How requests prove who sends them. Version 6 has a key and nothing else; the keys of version 8 have an id and a security level.
fn auth(section: &Section<'_>, version: Version) -> (Auth, Vec<(HeaderName, HeaderValue)>) {
    let advanced = section.choice("KEY_TYPE", &[("advanced", true), ("standard", false)]);
    let key = section.secret("API_KEY");
    if HeaderValue::from_str(key.expose()).is_err() || key.expose().contains(' ') {
        section.fault("API_KEY", "must be the key alone: no word before it, no spaces, no line breaks");
    }
    let id = section.text("KEY_ID");
    let bare = Auth::Header { name: AUTHORIZATION, prefix: "", value: key.clone() };
    let key_id = match (version, id) {
        (Version::Six, None) => return (bare, Vec::new()),
        (Version::Six, Some(_)) => {
            section.fault("KEY_ID", "belongs to version 8; keys of version 6 have no id");
            return (bare, Vec::new());
        }
        (Version::Eight, None) => {
            section.fault(
                "KEY_ID",
                "is required for version 8: the id of the API key, from the ID column of the table of keys",
            );
            String::new()
        }
        (Version::Eight, Some(id)) => id,
    };
    let Ok(header) = HeaderValue::from_str(&key_id) else {
        section.fault("KEY_ID", "holds a character that no HTTP header can carry");
        return (bare, Vec::new());
    };
    match advanced {
        true => (Auth::CortexAdvanced { key_id, key }, Vec::new()),
        false => (bare, vec![(HeaderName::from_static("x-xdr-auth-id"), header)]),
    }
}

fn warnings(base: &Url, version: Version) -> Vec<String> {
    let host = base.host_str().unwrap_or_default();
    let is_api = version == Version::Six || host.starts_with("api-") || is_loopback(base);
    let warning =
        "the host of URL does not begin with api-; that of the API of version 8 does, unlike that of the console";
    if is_api { Vec::new() } else { vec![warning.to_owned()] }
}
