//! The settings of the command line: the environment, then `local.settings.json` as the Azure Functions tools read it.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use url::Url;

use crate::settings::{Fault, SettingsError, Values};

/// Name of the file that is read when it lies in the current folder.
pub const FILE: &str = "local.settings.json";

/// Folder of the local run's store where none is set, below the current folder.
const STATE: &str = ".defender-relay/state";

/// The settings of one command.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The environment, then the file.
    pub values: Values,
    /// What the environment lacks: to be given to the handler.
    pub extra: Vec<(String, String)>,
    /// Whether the user has destinations, or said which file should have them.
    pub own: bool,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

impl Sources {
    /// Reads the settings: `given` is a file that the user named, else [`FILE`] in `folder` counts if it is there. The environment wins
    /// over the file.
    ///
    /// # Errors
    /// When the file cannot be read, or is not what the Azure Functions tools would read.
    pub fn read(environment: &Values, given: Option<&Path>, folder: &Path) -> Result<Self, SettingsError> {
        let usual = folder.join(FILE);
        let file = given.map(Path::to_owned).or_else(|| usual.is_file().then_some(usual));
        let mut extra = match &file {
            Some(file) => read_file(file)?,
            None => Vec::new(),
        };
        extra.retain(|(name, _)| environment.get(name).is_none());
        let values = environment.clone().or(Values::new(extra.iter().cloned()));
        let own = given.is_some() || values.get("DESTINATIONS").is_some();
        Ok(Self { values, extra, own, file })
    }

    /// The same, with the local run's own store below `folder` where no store is set, or the one of development storage. In Azure a
    /// store must be set, so only the local run and what works on its letters ask for this.
    ///
    /// # Errors
    /// When `folder` has no full path.
    pub fn with_local_store(mut self, folder: &Path) -> Result<Self, SettingsError> {
        if self.values.get("STATE__URL").is_none_or(|url| url.starts_with("UseDevelopmentStorage")) {
            let url = std::path::absolute(folder.join(STATE)).ok().and_then(|path| Url::from_file_path(path).ok());
            let url =
                url.ok_or_else(|| SettingsError::of("STATE__URL", "is not set, and the current folder is unknown"))?;
            let default = ("STATE__URL".to_owned(), url.to_string());
            self.extra.retain(|(name, _)| !name.eq_ignore_ascii_case("STATE__URL"));
            self.extra.push(default.clone());
            self.values = Values::new([default]).or(self.values);
        }
        Ok(self)
    }
}

/// Whether a local run left a store below `folder`.
#[must_use]
pub fn has_local_store(folder: &Path) -> bool {
    folder.join(STATE).is_dir()
}

fn read_file(path: &Path) -> Result<Vec<(String, String)>, SettingsError> {
    let name = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| SettingsError::of(&name, format!("cannot be read ({error})")))?;
    let mut file: Map<String, Value> = serde_json::from_str(&plain_json(&text)).map_err(|error| {
        // The message of a JSON error may quote a value; its place says enough.
        SettingsError::of(&name, format!("is no JSON object: see line {}, column {}", error.line(), error.column()))
    })?;
    // The tools read names without regard to case.
    let mut take = |wanted: &str| {
        let name = file.keys().find(|name| name.eq_ignore_ascii_case(wanted))?.clone();
        file.remove(&name)
    };
    if take("IsEncrypted") == Some(Value::Bool(true)) {
        return Err(SettingsError::of(&name, "is encrypted; run `func settings decrypt` first"));
    }
    let Some(Value::Object(values)) = take("Values") else {
        return Err(SettingsError::of(&name, "holds no object `Values` with the settings"));
    };
    let (mut settings, mut faults) = (Vec::new(), Vec::new());
    for (setting, value) in values {
        let setting = setting.replace(':', "__");
        match value {
            Value::String(text) => settings.push((setting, text)),
            Value::Null => settings.push((setting, String::new())),
            Value::Bool(_) | Value::Number(_) => settings.push((setting, value.to_string())),
            Value::Array(_) | Value::Object(_) => {
                faults.push(Fault { setting, problem: "must be a text, not a list or an object".to_owned() });
            }
        }
    }
    if faults.is_empty() { Ok(settings) } else { Err(SettingsError { faults }) }
}

/// The text with what the tools allow beyond JSON blanked out: a byte order mark, comments, and commas before a closing bracket. Places
/// of everything else stay the same, for messages.
fn plain_json(text: &str) -> String {
    let mut out: Vec<char> = text.trim_start_matches('\u{feff}').chars().collect();
    let (mut at, mut last, mut comma) = (0, ' ', 0);
    while let Some(&character) = out.get(at) {
        let end = match (character, out.get(at + 1)) {
            ('"', _) => string_end(&out, at),
            ('/', Some('/')) => end_of(&out, at, &['\n']),
            ('/', Some('*')) => end_of(&out, at + 2, &['*', '/']),
            _ => at + 1,
        };
        match character {
            '/' if end > at + 1 => out[at..end].iter_mut().filter(|c| **c != '\n').for_each(|c| *c = ' '),
            space if space.is_whitespace() => {}
            _ => {
                if last == ',' && matches!(character, '}' | ']') {
                    out[comma] = ' ';
                }
                (last, comma) = (character, at);
            }
        }
        at = end;
    }
    out.into_iter().collect()
}

/// The place after the string that begins at `start`.
fn string_end(text: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(character) = text.get(at) {
        at += match character {
            '\\' => 2,
            '"' => return at + 1,
            _ => 1,
        };
    }
    text.len()
}

/// The place after the next `mark` from `start` on.
fn end_of(text: &[char], start: usize, mark: &[char]) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    rest.windows(mark.len()).position(|window| window == mark).map_or(text.len(), |at| start + at + mark.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Values {
        Values::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join(FILE),
            "\u{feff}{\"IsEncrypted\":false,\"Values\":{\"DESTINATIONS\":\"a=syslog\",\"A:ADDRESS\":\"tls://x\",\"N\":5}}",
        )
        .unwrap();
        let sources = Sources::read(&environment(&[("DESTINATIONS", "splunk")]), None, folder.path()).unwrap();
        assert_eq!(sources.values.get("STATE__URL"), None, "only the local run has a store of its own");
        let sources = sources.with_local_store(folder.path()).unwrap();
        assert!(sources.own);
        assert_eq!(sources.values.get("DESTINATIONS"), Some("splunk"));
        assert_eq!(sources.values.get("A__ADDRESS"), Some("tls://x"));
        assert_eq!(sources.values.get("N"), Some("5"));
        assert!(sources.values.get("STATE__URL").unwrap().starts_with("file:///"));
        let names: Vec<&str> = sources.extra.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A__ADDRESS", "N", "STATE__URL"]);
    }

    #[test]
    fn development_storage_becomes_a_local_folder() {
        let folder = tempfile::tempdir().unwrap();
        let given = environment(&[("DESTINATIONS", "splunk"), ("STATE__URL", "UseDevelopmentStorage=true")]);
        let sources = Sources::read(&given, None, folder.path()).unwrap().with_local_store(folder.path()).unwrap();
        assert!(sources.values.get("STATE__URL").unwrap().starts_with("file:///"));
        assert!(!has_local_store(folder.path()), "reading settings creates nothing");
    }

    #[test]
    fn comments_and_commas_too_many_are_read_as_the_tools_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.json");
        let text = r#"{
            // the "tools" write none, people do
            "isEncrypted": false, /* " */
            "values": { "URL": "https://x/*y*/", "NUMBER": 5, "QUOTE": "a\"//b", "NONE": null, /* , */ },
        }"#;
        std::fs::write(&path, text).unwrap();
        let sources = Sources::read(&environment(&[]), Some(&path), folder.path()).unwrap();
        for (name, value) in [("URL", "https://x/*y*/"), ("NUMBER", "5"), ("QUOTE", "a\"//b")] {
            assert_eq!(sources.values.get(name), Some(value), "{name}");
        }
        assert_eq!(sources.values.get("NONE"), None);
    }

    #[test]
    fn odd_endings_are_faults_and_no_panic() {
        for text in ["", "/", "//", "/*", "/* *", "\"", "\"\\", "{,}", "[,]", ",}", "{\"a\":1,}/"] {
            assert_eq!(plain_json(text).chars().count(), text.chars().count(), "{text}");
        }
    }

    #[test]
    fn every_value_that_is_no_text_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.json");
        std::fs::write(&path, r#"{"Values":{"A":{"x":"hunter2"},"B":"b","C":["hunter2"]}}"#).unwrap();
        let error = Sources::read(&environment(&[]), Some(&path), folder.path()).unwrap_err();
        let names: Vec<&str> = error.faults.iter().map(|fault| fault.setting.as_str()).collect();
        assert_eq!(names, ["A", "C"]);
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn nothing_at_all_means_a_rehearsal() {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources::read(&environment(&[]), None, folder.path()).unwrap();
        assert!(!sources.own && sources.file.is_none() && sources.extra.is_empty());
        assert!(!folder.path().join(".defender-relay").exists());
    }

    #[test]
    fn unusable_files_are_faults_that_quote_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.json");
        for text in [
            r#"{"Values":{"TOKEN":"hunter2" "x"}}"#,
            r#"{"IsEncrypted":true,"Values":{"TOKEN":"hunter2"}}"#,
            r#"["hunter2"]"#,
            r#"{"TOKEN":"hunter2"}"#,
            r#"{"Values":"hunter2"}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Sources::read(&environment(&[]), Some(&path), folder.path()).unwrap_err();
            assert!(error.to_string().contains("mine.json") && !error.to_string().contains("hunter2"));
        }
    }
}
