//! What the Functions host reads before it starts a handler: `host.json`, and one `function.json` per function.
//!
//! Sources: `customHandler`, `extensions.eventHubs` and `retry` of the host's documentation; discovery as in the host's
//! `HostFunctionMetadataProvider`, which looks exactly one level below its script root. A checkout keeps its functions one level
//! deeper, under `function-triggers/`, so that folder is looked into as well.

mod files;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

pub(super) use self::files::time_span;
use self::files::{Binding, FunctionFile, HostFile};
use super::retry::RetryPolicy;
use super::schedule::Schedule;
use crate::settings::{SettingsError, Values};

/// The executable's name in `host.json`; a `host.json` that names another belongs to another program.
const EXECUTABLE: &str = "defender-relay";

/// `host.json` and the functions, as copied into this executable when it was built.
const EMBEDDED_HOST: &str = include_str!("../../host.json");
const EMBEDDED_FUNCTIONS: &[(&str, &str)] = &[
    ("alerts", include_str!("../../function-triggers/alerts/function.json")),
    ("graph", include_str!("../../function-triggers/graph/function.json")),
    ("logs", include_str!("../../function-triggers/logs/function.json")),
    ("redeliver", include_str!("../../function-triggers/redeliver/function.json")),
    ("replay", include_str!("../../function-triggers/replay/function.json")),
    ("status", include_str!("../../function-triggers/status/function.json")),
    ("sync", include_str!("../../function-triggers/sync/function.json")),
];

/// A function app, as the host sees it.
#[derive(Debug)]
pub struct ScriptRoot {
    /// The folder of `host.json`; absent when the embedded copies are used.
    pub folder: Option<PathBuf>,
    /// Most events in one invocation: `extensions.eventHubs.maxEventBatchSize`.
    pub max_batch: usize,
    /// Longest time of one invocation: `functionTimeout`; absent when it is unlimited.
    pub timeout: Option<Duration>,
    /// How long the handler may take to answer its first `GET /`: `customHandler.initializationTimeout`.
    pub start_timeout: Duration,
    /// The functions that are not disabled, by name.
    pub functions: Vec<Function>,
    /// Names of those that are.
    pub disabled: Vec<String>,
}

/// One function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its folder's name, which is its route at the handler.
    pub name: String,
    /// Name of the trigger's binding: the key under `Data`.
    pub binding: String,
    /// What starts it.
    pub trigger: Trigger,
    /// What happens when it fails.
    pub retry: Option<RetryPolicy>,
}

/// What starts a function.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// Batches of events of an event hub.
    EventHub {
        /// How event bodies are written into the invocation.
        data_type: DataType,
        /// Name of the hub.
        hub: String,
        /// Name of the consumer group.
        consumer_group: String,
    },
    /// A clock.
    Timer(Schedule),
    /// An HTTP request.
    Http {
        /// Path below `/api/`.
        route: String,
        /// Methods it takes, in upper case; none means all.
        methods: Vec<String>,
        /// Name of the HTTP output binding.
        output: Option<String>,
    },
}

/// `dataType` of an event hub trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// Base64 of the exact bytes.
    Binary,
    /// Text; invalid UTF-8 becomes U+FFFD.
    String,
    /// Not given: parsed JSON. One body that is not JSON fails its whole batch before the handler sees it.
    Json,
}

impl ScriptRoot {
    /// Reads the function app in `root`, else in the nearest folder from `start` upwards whose `host.json` names this program,
    /// else the embedded copies.
    ///
    /// # Errors
    /// When `root` is given and holds no function app, or a file that was found cannot be understood.
    pub fn find(root: Option<&Path>, start: &Path, values: &Values) -> anyhow::Result<Self> {
        if let Some(root) = root {
            return match read_folder(root)? {
                Some((host, functions)) => Self::parse(Some(root.to_owned()), &host, &functions, values),
                None => Err(SettingsError::of(
                    "--root",
                    format!(
                        "{} holds no host.json with functions beside it or under function-triggers",
                        root.display()
                    ),
                )
                .into()),
            };
        }
        for folder in start.ancestors() {
            if let Some((host, functions)) = read_folder(folder)?
                && names_this_program(&host)
            {
                return Self::parse(Some(folder.to_owned()), &host, &functions, values);
            }
        }
        let functions: Vec<_> =
            EMBEDDED_FUNCTIONS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Self::parse(None, EMBEDDED_HOST, &functions, values)
    }

    fn parse(
        folder: Option<PathBuf>,
        host: &str,
        functions: &[(String, String)],
        values: &Values,
    ) -> anyhow::Result<Self> {
        let host: HostFile = serde_json::from_str(host).context("host.json cannot be understood")?;
        let custom_handler = host.custom_handler.unwrap_or_default();
        let (mut read, mut off) = (Vec::new(), Vec::new());
        for (name, text) in functions {
            let listed = host.functions.as_ref().is_none_or(|names| names.contains(name));
            if disabled(name, values) {
                off.push(name.clone());
            } else if listed {
                let function = function(name, text, values);
                read.push(function.with_context(|| format!("function.json of {name} cannot be used"))?);
            }
        }
        let timeout = match host.function_timeout.as_deref() {
            None => Some(Duration::from_secs(30 * 60)),
            Some("-1") => None,
            Some(text) => Some(time_span(text).context("functionTimeout of host.json is not a time like 00:05:00")?),
        };
        let start_timeout = match custom_handler.initialization_timeout.as_deref() {
            None => Duration::from_secs(30),
            Some(text) => time_span(text).context("initializationTimeout of host.json is not a time like 00:00:30")?,
        };
        let max_batch = host.extensions.and_then(|e| e.event_hubs).and_then(|hubs| hubs.max_event_batch_size);
        Ok(Self {
            folder,
            max_batch: max_batch.unwrap_or(100).max(1),
            timeout,
            start_timeout,
            functions: read,
            disabled: off,
        })
    }

    /// The function that takes events: the one of that name, else `alerts`, else the first with an event hub trigger.
    ///
    /// # Errors
    /// When there is none.
    pub fn event_function(&self, name: Option<&str>) -> anyhow::Result<&Function> {
        let mut hubs = self.functions.iter().filter(|function| matches!(function.trigger, Trigger::EventHub { .. }));
        match name {
            Some(name) => {
                let known: Vec<&str> = hubs.clone().map(|function| function.name.as_str()).collect();
                let problem = || {
                    if self.disabled.iter().any(|disabled| disabled == name) {
                        return format!("{name} is switched off by AzureWebJobs.{name}.Disabled");
                    }
                    format!("there is no event hub function {name:?}; there are: {}", known.join(", "))
                };
                hubs.find(|function| function.name == name)
                    .ok_or_else(|| SettingsError::of("--function", problem()).into())
            }
            None => {
                let all: Vec<&Function> = hubs.collect();
                let usual = all.iter().find(|function| function.name == "alerts").or(all.first());
                usual.copied().context("no function has an event hub trigger")
            }
        }
    }

    /// The functions that a clock starts, with their schedules.
    pub fn timers(&self) -> impl Iterator<Item = (&Function, &Schedule)> {
        self.functions.iter().filter_map(|function| match &function.trigger {
            Trigger::Timer(schedule) => Some((function, schedule)),
            _ => None,
        })
    }
}

/// `host.json` and each function's name and `function.json`, sorted by name.
type Files = (String, Vec<(String, String)>);

fn read_folder(root: &Path) -> anyhow::Result<Option<Files>> {
    let host = root.join("host.json");
    if !host.is_file() {
        return Ok(None);
    }
    let host = std::fs::read_to_string(&host).with_context(|| format!("{} cannot be read", host.display()))?;
    for parent in [root.join("function-triggers"), root.to_owned()] {
        let mut functions = Vec::new();
        for entry in std::fs::read_dir(&parent).into_iter().flatten().flatten() {
            let file = entry.path().join("function.json");
            if file.is_file() {
                let text =
                    std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
                functions.push((entry.file_name().to_string_lossy().into_owned(), text));
            }
        }
        if !functions.is_empty() {
            functions.sort();
            return Ok(Some((host, functions)));
        }
    }
    Ok(None)
}

fn names_this_program(host: &str) -> bool {
    let host: Option<HostFile> = serde_json::from_str(host).ok();
    host.and_then(|host| host.custom_handler)
        .and_then(|handler| handler.description)
        .and_then(|description| description.default_executable_path)
        .is_some_and(|path| Path::new(&path).file_stem().is_some_and(|stem| stem == EXECUTABLE))
}

/// Both spellings that the host knows; a colon or dot is no legal character in a Linux variable's name.
fn disabled(name: &str, values: &Values) -> bool {
    [format!("AzureWebJobs.{name}.Disabled"), format!("AzureWebJobs_{name}_Disabled")]
        .iter()
        .any(|setting| values.get(setting).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1"))
}

fn function(name: &str, text: &str, values: &Values) -> anyhow::Result<Function> {
    let file: FunctionFile = serde_json::from_str(text)?;
    let is_trigger = |binding: &&Binding| binding.kind.to_ascii_lowercase().ends_with("trigger");
    let binding = file.bindings.iter().find(is_trigger).context("it has no trigger")?;
    let trigger = match binding.kind.to_ascii_lowercase().as_str() {
        "eventhubtrigger" => {
            if !binding.cardinality.as_deref().is_some_and(|word| word.eq_ignore_ascii_case("many")) {
                bail!("cardinality must be many");
            }
            Trigger::EventHub {
                data_type: match binding.data_type.as_deref().map(str::to_ascii_lowercase).as_deref() {
                    Some("binary") => DataType::Binary,
                    Some("string") => DataType::String,
                    None => DataType::Json,
                    Some(other) => bail!("dataType {other:?} is not played by the local run"),
                },
                hub: resolve(binding.event_hub_name.as_deref(), values).unwrap_or_else(|| "local-alerts".to_owned()),
                consumer_group: resolve(binding.consumer_group.as_deref(), values)
                    .unwrap_or_else(|| "$Default".to_owned()),
            }
        }
        "timertrigger" => {
            let given = binding.schedule.as_deref().context("it has no schedule")?;
            let schedule = resolve(Some(given), values).with_context(|| format!("{given} is not set"))?;
            Trigger::Timer(schedule.parse().with_context(|| format!("schedule {schedule:?}"))?)
        }
        "httptrigger" => Trigger::Http {
            route: binding.route.clone().unwrap_or_else(|| name.to_owned()),
            methods: binding.methods.iter().map(|method| method.to_ascii_uppercase()).collect(),
            output: file
                .bindings
                .iter()
                .find(|binding| binding.kind.eq_ignore_ascii_case("http"))
                .map(|binding| binding.name.clone()),
        },
        other => bail!("trigger {other:?} is not played by the local run"),
    };
    let retry = file.retry.map(RetryPolicy::try_from).transpose()?;
    Ok(Function { name: name.to_owned(), binding: binding.name.clone(), trigger, retry })
}

/// The text itself, or the setting's value for `%SETTING%`; nothing where that setting is absent.
fn resolve(text: Option<&str>, values: &Values) -> Option<String> {
    let text = text?;
    match text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')) {
        Some(setting) => values.get(setting).map(str::to_owned),
        None => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_copies_are_a_whole_function_app() {
        let nowhere = tempfile::tempdir().unwrap();
        let app = ScriptRoot::find(None, nowhere.path(), &Values::default()).unwrap();
        assert_eq!(app.folder, None);
        let names: Vec<&str> = app.functions.iter().map(|function| function.name.as_str()).collect();
        assert_eq!(names, ["alerts", "graph", "logs", "redeliver", "replay", "status", "sync"]);
        let alerts = app.event_function(None).unwrap();
        assert!(matches!(alerts.trigger, Trigger::EventHub { data_type: DataType::Binary, .. }));
        assert!(alerts.retry.is_some());
        assert_eq!(app.timers().count(), 3);
    }

    #[test]
    fn every_function_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("function-triggers");
        let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, EMBEDDED_FUNCTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn the_nearest_host_json_of_this_program_counts() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("other/deep");
        std::fs::create_dir_all(inner.join("f")).unwrap();
        std::fs::write(inner.join("host.json"), "{}").unwrap();
        std::fs::write(inner.join("f/function.json"), "{}").unwrap();
        std::fs::create_dir_all(root.path().join("hub")).unwrap();
        std::fs::write(
            root.path().join("host.json"),
            r#"{"customHandler":{"description":{"defaultExecutablePath":"defender-relay"}},
                "extensions":{"eventHubs":{"maxEventBatchSize":7}},"functionTimeout":"00:02:00"}"#,
        )
        .unwrap();
        std::fs::write(
            root.path().join("hub/function.json"),
            r#"{"bindings":[{"type":"eventHubTrigger","name":"e","cardinality":"many","eventHubName":"%HUB%"}]}"#,
        )
        .unwrap();
        let values = Values::new([("HUB".to_owned(), "mine".to_owned())]);
        let app = ScriptRoot::find(None, &inner, &values).unwrap();
        assert_eq!(app.folder.as_deref(), Some(root.path()));
        assert_eq!((app.max_batch, app.timeout), (7, Some(Duration::from_secs(120))));
        let function = app.event_function(Some("hub")).unwrap();
        assert!(matches!(&function.trigger, Trigger::EventHub { data_type: DataType::Json, hub, .. } if hub == "mine"));
        assert!(app.event_function(Some("nope")).is_err());

        let off = Values::new([("AzureWebJobs_hub_Disabled".to_owned(), "true".to_owned())]);
        let app = ScriptRoot::find(Some(root.path()), &inner, &off).unwrap();
        assert!(app.functions.is_empty());
        let error = app.event_function(Some("hub")).unwrap_err().to_string();
        assert!(error.contains("hub is switched off by AzureWebJobs.hub.Disabled"), "{error}");
    }

    #[test]
    fn time_spans() {
        assert_eq!(time_span("00:05:00"), Some(Duration::from_secs(300)));
        assert_eq!(time_span("1.00:00:00.5"), Some(Duration::from_millis(86_400_500)));
        assert_eq!(time_span("5"), None);
        assert_eq!(time_span("00:61:00"), None);
    }
}
