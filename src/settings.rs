//! App settings: declared as data, read once, checked all at once.
//!
//! A destination reads its settings through a [`Section`]. Its readers never stop at the first fault: they note it, return a
//! stand-in, and [`Section::finish`] refuses the lot. So one message names every mistake.

mod section;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use section::Section;

/// A declared setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Key within its section: `TOKEN` of `SPLUNK__TOKEN`.
    pub key: &'static str,
    /// Meaning, in one or two sentences for the README.
    pub about: &'static str,
    /// Whether it must be given.
    pub need: Need,
    /// Whether its value must never be printed.
    pub secret: bool,
}

/// Whether a setting must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Must be given.
    Required,
    /// May be left out; then there is none.
    Optional,
    /// May be left out; then this value holds.
    Default(&'static str),
}

impl Setting {
    /// A setting that must be given.
    #[must_use]
    pub const fn required(key: &'static str, about: &'static str) -> Self {
        Self { key, about, need: Need::Required, secret: false }
    }

    /// A setting that may be left out.
    #[must_use]
    pub const fn optional(key: &'static str, about: &'static str) -> Self {
        Self { key, about, need: Need::Optional, secret: false }
    }

    /// A setting with a default.
    #[must_use]
    pub const fn default(key: &'static str, value: &'static str, about: &'static str) -> Self {
        Self { key, about, need: Need::Default(value), secret: false }
    }

    /// The same setting, marked as a secret.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
}

/// A secret: it prints as `***`, and its bytes are only to be had by [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The secret itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// One mistake in the settings. The value is never part of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Full name of the app setting.
    pub setting: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// Exit code of faulty settings; clap gives the same for a faulty command line.
pub const FAULTY_SETTINGS: u8 = 2;

/// Every mistake that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    /// The mistakes, in the order of reading.
    pub faults: Vec<Fault>,
}

impl SettingsError {
    /// A single mistake.
    #[must_use]
    pub fn of(setting: &str, problem: impl Into<String>) -> Self {
        Self { faults: vec![Fault { setting: setting.to_owned(), problem: problem.into() }] }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.faults.len();
        write!(f, "{count} configuration fault{}", if count == 1 { "" } else { "s" })?;
        for Fault { setting, problem } in &self.faults {
            write!(f, "\n  {setting}: {problem}")?;
        }
        Ok(())
    }
}

/// All app settings, as read once at start. Names are compared in upper case.
#[derive(Clone, Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// Takes names and values; of two names that differ in case only, the first counts.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut values = BTreeMap::new();
        for (name, value) in pairs {
            values.entry(name.to_ascii_uppercase()).or_insert(value);
        }
        Self(values)
    }

    /// The value of that full name; blank counts as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_ascii_uppercase()).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Adds values below those that are there already.
    #[must_use]
    pub fn or(mut self, fallback: Self) -> Self {
        for (name, value) in fallback.0 {
            self.0.entry(name).or_insert(value);
        }
        self
    }

    /// Names that begin with `prefix`.
    fn names_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().map(String::as_str).filter(move |name| name.starts_with(prefix))
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Whether Azure left a Key Vault reference as it stands in the settings, because it could not read the secret.
#[must_use]
pub fn is_unresolved(value: &str) -> bool {
    value.to_ascii_lowercase().contains("@microsoft.keyvault(")
}

/// What is wrong with an unresolved Key Vault reference.
pub const UNRESOLVED: &str = "is a Key Vault reference that was not resolved: check that the secret exists and that the app's identity \
                              may read it (role Key Vault Secrets User)";

/// The prefix of an instance's settings: upper case, with `-` and `.` as `_`.
#[must_use]
pub fn setting_prefix(name: &str) -> String {
    name.to_ascii_uppercase().replace(['-', '.'], "_")
}

/// Parses `500ms`, `20s`, `15m`, `24h`, `7d`; a bare number means seconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..split].parse().ok()?;
    let seconds = |factor: u64| number.checked_mul(factor).map(Duration::from_secs);
    match text[split..].trim() {
        "ms" => Some(Duration::from_millis(number)),
        "s" | "" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        "d" => seconds(86_400),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::SyslogScheme;

    const DECLARED: &[Setting] = &[
        Setting::required("URL", "Where to."),
        Setting::required("TOKEN", "Token.").secret(),
        Setting::default("TIMEOUT", "20s", "Time."),
        Setting::default("SIZE", "1_000", "Size."),
    ];

    fn values(pairs: &[(&str, &str)]) -> Values {
        Values::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn every_fault_is_reported_at_once_and_names_its_setting() {
        let values = values(&[
            ("X__URL", "http://splunk.example"),
            ("X__TOKEN", "@Microsoft.KeyVault(SecretUri=https://v)"),
            ("X__TIMEOUT", "soon"),
            ("X__TOKN", "secret-value"),
        ]);
        let section = Section::new("x", vec![DECLARED], &values);
        let _ = (section.url("URL"), section.secret("TOKEN"), section.number("SIZE", 1..=9usize));
        let _ = section.duration("TIMEOUT", Duration::ZERO..=Duration::MAX);
        let error = section.finish(()).unwrap_err();
        let named: Vec<&str> = error.faults.iter().map(|fault| fault.setting.as_str()).collect();
        assert_eq!(named, ["X__TOKN", "X__URL", "X__TOKEN", "X__SIZE", "X__TIMEOUT"]);
        assert!(error.to_string().contains("valid here: URL, TOKEN, TIMEOUT, SIZE"));
        assert!(!error.to_string().contains("secret-value"));
    }

    #[test]
    fn secrets_do_not_print() {
        let secret = Secret::new("hunter2".into());
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert!(!format!("{:?}", values(&[("A", "hunter2")])).contains("hunter2"));
    }

    #[test]
    fn durations_parse() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("24h"), Some(Duration::from_secs(86_400)));
        assert_eq!(parse_duration("45"), Some(Duration::from_secs(45)));
        assert_eq!(parse_duration(""), None);
        assert_eq!(parse_duration("99999999999999999999s"), None);
        assert_eq!(parse_duration("x"), None);
    }

    #[test]
    fn syslog_addresses() {
        let values =
            values(&[("X__URL", "tls://[2001:db8::1]"), ("Y__URL", "tcp://collector:1514"), ("Z__URL", "http://a")]);
        let at = |name: &str| {
            let section = Section::new(name, vec![&DECLARED[..1]], &values);
            let address = section.syslog_address("URL");
            section.finish(address)
        };
        assert_eq!(at("x").unwrap(), (SyslogScheme::Tls, "2001:db8::1".into(), 6514));
        assert_eq!(at("y").unwrap(), (SyslogScheme::Tcp, "collector".into(), 1514));
        assert!(at("z").is_err());
    }
}
