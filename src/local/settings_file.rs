//! Where settings come from on a laptop: the environment, then `local.settings.json` as the Azure Functions tools read it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::settings::{Fault, SettingsError, Values};

/// Name of the file that is read when it lies in the current folder.
pub const FILE: &str = "local.settings.json";

/// Folder of the store where none is set, below the current folder.
const STATE: &str = ".defender-relay/state";

/// The settings of one command.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The environment, then the file, then the store's default.
    pub values: Values,
    /// What the environment lacks: to be given to the handler.
    pub extra: Vec<(String, String)>,
    /// Whether the user has destinations, or said which file should have them.
    pub own: bool,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "IsEncrypted", default)]
    encrypted: bool,
    #[serde(rename = "Values", default)]
    values: serde_json::Map<String, Value>,
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
        let mut values = environment.clone().or(Values::new(extra.iter().cloned()));
        let own = given.is_some() || values.get("DESTINATIONS").is_some();
        if own && values.get("STATE__URL").is_none_or(|url| url.starts_with("UseDevelopmentStorage")) {
            let state = std::path::absolute(folder.join(STATE)).ok().and_then(|path| Url::from_file_path(path).ok());
            let state = state.ok_or_else(|| fault("STATE__URL", "is not set, and the current folder is unknown"))?;
            let default = ("STATE__URL".to_owned(), state.to_string());
            extra.retain(|(name, _)| !name.eq_ignore_ascii_case("STATE__URL"));
            extra.push(default.clone());
            values = Values::new([default]).or(values);
        }
        Ok(Self { values, extra, own, file })
    }
}

fn read_file(path: &Path) -> Result<Vec<(String, String)>, SettingsError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| fault(&name, &format!("cannot be read ({error})")))?;
    let file: File = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        // The message of a JSON error may quote a value; its place says enough.
        fault(&name, &format!("is no settings file: line {}, column {}", error.line(), error.column()))
    })?;
    if file.encrypted {
        return Err(fault(&name, "is encrypted; run `func settings decrypt` first"));
    }
    let text = |value: Value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    Ok(file.values.into_iter().map(|(name, value)| (name.replace(':', "__"), text(value))).collect())
}

fn fault(setting: &str, problem: &str) -> SettingsError {
    SettingsError { faults: vec![Fault { setting: setting.to_owned(), problem: problem.to_owned() }] }
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
        let sources = Sources::read(&given, None, folder.path()).unwrap();
        assert!(sources.values.get("STATE__URL").unwrap().starts_with("file:///"));
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
        for text in ["{\"Values\":{\"TOKEN\":\"hunter2\",}}", "{\"IsEncrypted\":true,\"Values\":{}}"] {
            std::fs::write(&path, text).unwrap();
            let error = Sources::read(&environment(&[]), Some(&path), folder.path()).unwrap_err();
            assert!(error.to_string().contains("mine.json") && !error.to_string().contains("hunter2"));
        }
    }
}
