//! The readers of one section: they note faults, return stand-ins, and refuse the lot at the end.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use super::{
    Fault, Need, Secret, Setting, SettingsError, UNRESOLVED, Values, is_unresolved, parse_duration, setting_prefix,
};
use crate::cloud::Cloud;
use crate::transport::SyslogScheme;

/// The settings of one destination instance, or of one part of the program: those whose names begin with `<NAME>__`.
pub struct Section<'v> {
    name: String,
    prefix: String,
    declared: Vec<&'static [Setting]>,
    values: &'v Values,
    faults: RefCell<Vec<Fault>>,
}

impl<'v> Section<'v> {
    /// The section of `name` (`soc-syslog` reads `SOC_SYSLOG__*`), which may read what `declared` lists. A name of `""` reads settings
    /// without a prefix. An undeclared setting under the prefix is a fault that lists the valid keys.
    #[must_use]
    pub fn new(name: &str, declared: Vec<&'static [Setting]>, values: &'v Values) -> Self {
        let prefix = if name.is_empty() { String::new() } else { format!("{}__", setting_prefix(name)) };
        let section = Self { name: name.to_owned(), prefix, declared, values, faults: RefCell::default() };
        if !name.is_empty() {
            section.refuse_unknown();
        }
        section
    }

    /// The instance's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn refuse_unknown(&self) {
        let keys: Vec<&str> = self.settings().map(|setting| setting.key).collect();
        for name in self.values.names_with(&self.prefix) {
            if !keys.contains(&&name[self.prefix.len()..]) {
                self.faults.borrow_mut().push(Fault {
                    setting: name.to_owned(),
                    problem: format!("unknown setting; valid here: {}", keys.join(", ")),
                });
            }
        }
    }

    fn settings(&self) -> impl Iterator<Item = &'static Setting> + '_ {
        self.declared.iter().flat_map(|group| group.iter())
    }

    /// Notes a fault of the setting `key`.
    pub fn fault(&self, key: &str, problem: &str) {
        let fault = Fault { setting: format!("{}{key}", self.prefix), problem: problem.to_owned() };
        let mut faults = self.faults.borrow_mut();
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }

    /// Whether a fault of the setting `key` was noted already: a further one may say nothing new.
    #[must_use]
    pub fn is_faulty(&self, key: &str) -> bool {
        self.faults.borrow().iter().any(|fault| fault.setting.strip_prefix(&self.prefix) == Some(key))
    }

    /// The value, or every fault that was noted.
    ///
    /// # Errors
    /// When any reader noted a fault.
    pub fn finish<T>(&self, value: T) -> Result<T, SettingsError> {
        let faults = self.faults.borrow().clone();
        if faults.is_empty() { Ok(value) } else { Err(SettingsError { faults }) }
    }

    /// The text of a setting: as given, else its default, else nothing. A missing required one and an unresolved Key Vault reference
    /// are faults.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        let Some(setting) = self.settings().find(|setting| setting.key == key) else {
            self.fault(key, "is read but not declared; this is a mistake in the program");
            return None;
        };
        match (self.values.get(&format!("{}{key}", self.prefix)), setting.need) {
            (Some(value), _) if is_unresolved(value) => {
                self.fault(key, UNRESOLVED);
                None
            }
            (Some(value), _) => Some(value.to_owned()),
            (None, Need::Default(value)) => Some(value.to_owned()),
            (None, Need::Optional) => None,
            (None, Need::Required) => {
                self.fault(key, &format!("is required: {}", setting.about));
                None
            }
        }
    }

    /// A text that is required or has a default.
    #[must_use]
    pub fn string(&self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    /// A secret, if given.
    #[must_use]
    pub fn optional_secret(&self, key: &str) -> Option<Secret> {
        self.text(key).map(Secret::new)
    }

    /// A required secret.
    #[must_use]
    pub fn secret(&self, key: &str) -> Secret {
        Secret::new(self.string(key))
    }

    /// A value that parses, within a range; a stand-in when it does not.
    #[must_use]
    pub fn number<T: FromStr + PartialOrd + fmt::Display + Copy>(&self, key: &str, range: RangeInclusive<T>) -> T {
        let stand_in = *range.start();
        let Some(text) = self.text(key) else { return stand_in };
        match text.replace('_', "").parse::<T>() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.fault(key, &format!("must be a number between {} and {}", range.start(), range.end()));
                stand_in
            }
        }
    }

    /// `true` or `false`, also `on`, `off`, `yes`, `no`, `1`, `0`.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        match self.string(key).to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => true,
            "false" | "off" | "no" | "0" | "" => false,
            _ => {
                self.fault(key, "must be true or false");
                false
            }
        }
    }

    /// One of several words, without regard to case; the first is the stand-in.
    pub fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> T {
        let text = self.string(key);
        if let Some((_, value)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text)) {
            return *value;
        }
        if !text.is_empty() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(key, &format!("must be one of {}", names.join(", ")));
        }
        words[0].1
    }

    /// A span of time: `500ms`, `20s`, `15m`, `24h`, `7d`.
    #[must_use]
    pub fn duration(&self, key: &str, range: RangeInclusive<Duration>) -> Duration {
        let text = self.string(key);
        match parse_duration(&text) {
            Some(duration) if range.contains(&duration) => duration,
            _ => {
                if !text.is_empty() {
                    let (least, most) = (written(*range.start()), written(*range.end()));
                    let problem = format!("must be a time like 500ms, 20s, 15m, 24h between {least} and {most}");
                    self.fault(key, &problem);
                }
                *range.start()
            }
        }
    }

    /// The Azure cloud that `AZURE_CLOUD` names. The app says once what is wrong with that setting; here a fault means the public cloud.
    #[must_use]
    pub fn cloud(&self) -> Cloud {
        self.values.get("AZURE_CLOUD").and_then(Cloud::from_text).unwrap_or_default()
    }

    /// An outbound URL: https (plain http only to loopback), without user information or fragment, not to an address that only
    /// serves credentials inside Azure.
    #[must_use]
    pub fn url(&self, key: &str) -> Url {
        let text = self.string(key);
        match check_url(&text) {
            Ok(url) => url,
            Err(problem) => {
                if !text.is_empty() {
                    self.fault(key, problem);
                }
                placeholder_url()
            }
        }
    }

    /// `tls://host:port`, `tcp://host:port` or `udp://host:port`; ports default to 6514 and 514. Plain TCP and UDP are allowed, with a
    /// warning by the destination.
    #[must_use]
    pub fn syslog_address(&self, key: &str) -> (SyslogScheme, String, u16) {
        let stand_in = (SyslogScheme::Tls, String::new(), 6514);
        let text = self.string(key);
        if text.is_empty() {
            return stand_in;
        }
        let problem = "must be tls://host:port, tcp://host:port or udp://host:port";
        let scheme = match text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
            Some("tls") => SyslogScheme::Tls,
            Some("tcp") => SyslogScheme::Tcp,
            Some("udp") => SyslogScheme::Udp,
            _ => {
                self.fault(key, problem);
                return stand_in;
            }
        };
        let default_port = if scheme == SyslogScheme::Tls { 6514 } else { 514 };
        match Url::parse(&text) {
            Ok(url)
                if url.username().is_empty()
                    && url.password().is_none()
                    && matches!(url.path(), "" | "/")
                    && url.query().is_none()
                    && url.fragment().is_none() =>
            {
                match url.host_str().filter(|host| !host.is_empty()) {
                    Some(host) => {
                        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                        (scheme, host, url.port().unwrap_or(default_port))
                    }
                    None => {
                        self.fault(key, problem);
                        stand_in
                    }
                }
            }
            _ => {
                self.fault(key, problem);
                stand_in
            }
        }
    }

    /// PEM text, or the text of the PEM file at that path. `\n` written as two characters, as portals do to line breaks, is mended.
    #[must_use]
    pub fn pem(&self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        let pem = if text.contains("-----BEGIN ") {
            text.replace("\\n", "\n")
        } else {
            match std::fs::read_to_string(&text) {
                Ok(pem) => pem,
                Err(error) => {
                    self.fault(key, &format!("is neither PEM text nor the path of a readable file ({})", error.kind()));
                    return None;
                }
            }
        };
        if !pem.contains("-----BEGIN ") {
            self.fault(key, "holds no PEM block");
        }
        Some(pem)
    }
}

/// Addresses that serve credentials to whoever asks from inside an Azure machine.
const CREDENTIAL_ADDRESSES: [&str; 2] = ["169.254.169.254", "168.63.129.16"];

fn check_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => return Err("names no host"),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => return Err("must be https; plain http is only allowed to this machine"),
        _ => return Err("must be an https URL"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password; there is a setting for the credential");
    }
    if url.fragment().is_some() {
        return Err("must not hold a fragment (#)");
    }
    if url.host_str().is_some_and(|host| CREDENTIAL_ADDRESSES.contains(&host)) {
        return Err("is an address that serves credentials inside Azure, never a destination");
    }
    Ok(url)
}

/// A span of time as a setting writes it, in its largest unit: `30d`, `500ms`.
fn written(span: Duration) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let millis = span.as_millis();
    let (size, unit) =
        units.into_iter().find(|(size, _)| millis > 0 && millis.is_multiple_of(*size)).unwrap_or((1, "s"));
    format!("{}{unit}", millis / size)
}

/// What stands for a URL whose setting is faulty; [`Section::finish`] refuses before anything can use it.
fn placeholder_url() -> Url {
    #[expect(clippy::expect_used, reason = "a literal that parses")]
    Url::parse("https://fault.invalid/").expect("literal URL parses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_they_are_set() {
        let spans = [0, 1, 500, 1000, 1500, 60_000, 90_000, 3_600_000, 86_400_000, 2_592_000_000];
        let texts = spans.map(|millis| written(Duration::from_millis(millis)));
        assert_eq!(texts, ["0s", "1ms", "500ms", "1s", "1500ms", "1m", "90s", "1h", "1d", "30d"]);
        for (millis, text) in spans.into_iter().zip(texts) {
            assert_eq!(parse_duration(&text), Some(Duration::from_millis(millis)));
        }
    }

    #[test]
    fn urls_are_https_or_loopback() {
        for good in ["https://a.example/x?y=1", "http://127.0.0.1:9", "http://[::1]:9/", "http://localhost:1/"] {
            assert!(check_url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example",
            "https://u:p@a.example",
            "ftp://a",
            "nonsense",
            "https://169.254.169.254/",
            "https://a/#f",
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }
}
