//! `defender-relay settings`: every setting with its meaning, derived from the declarations.

use std::fmt::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::destinations::{self, CATALOG, Kind};
use crate::local::console::Console;
use crate::local::table::full_name;
use crate::redaction::REDACTION_SETTINGS;
use crate::route;
use crate::settings::SettingsError;
use crate::settings::{Need, Setting};

/// Settings of the Functions host and of the triggers, for a local settings file; the relay itself does not read them.
pub const HOST_SETTINGS: &[(&str, &str)] = &[
    ("FUNCTIONS_WORKER_RUNTIME", "custom"),
    ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
    ("EventHub__fullyQualifiedNamespace", ""),
    ("EVENT_HUB_NAME", ""),
    ("EVENT_HUB_CONSUMER_GROUP", ""),
    // Not empty: the host reads them of a function that is switched off, too.
    ("LogsEventHub__fullyQualifiedNamespace", "your-namespace.servicebus.windows.net"),
    ("LOGS_EVENT_HUB_NAME", "azure-logs"),
    ("LOGS_CONSUMER_GROUP", "defender-relay"),
    ("AzureWebJobs.logs.Disabled", "true"),
    ("AzureWebJobs.graph.Disabled", "true"),
    ("AzureWebJobs.sync.Disabled", "true"),
];

/// Lists every setting with its meaning
///
/// Settings are app settings of the Azure Functions app, or `Values` of local.settings.json. Those of a destination begin with its name:
/// DESTINATIONS=splunk,soc=syslog reads SPLUNK__URL and SOC__ADDRESS.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct SettingsArgs {
    /// Kinds of destinations to list; all of them when there are none
    #[arg(value_name = "DESTINATION")]
    destinations: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const HELP: &str = "\
Examples:
  defender-relay settings splunk
  defender-relay settings --format json splunk > local.settings.json
  defender-relay settings --format markdown

Exit codes:
  0  printed
  2  faulty command line, such as a destination that does not exist";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For reading
    Text,
    /// Tables, as in the README of each destination
    Markdown,
    /// A complete local.settings.json: fill in what is empty and needed, delete what you do not use
    Json,
}

pub(super) fn run(args: &SettingsArgs, console: &Console) -> anyhow::Result<ExitCode> {
    let kinds: Vec<&Kind> = match args.destinations.as_slice() {
        [] => CATALOG.iter().collect(),
        names => names.iter().map(|name| kind(name)).collect::<Result<_, _>>()?,
    };
    console.print(
        match args.format {
            Format::Text => text(&kinds),
            Format::Markdown => markdown_of_all(&kinds),
            Format::Json => skeleton(&kinds),
        }
        .trim_end(),
    );
    Ok(ExitCode::SUCCESS)
}

/// The kind of that name.
///
/// # Errors
/// When there is none; the message lists those that there are.
fn kind(name: &str) -> Result<&'static Kind, SettingsError> {
    destinations::kind(&name.to_ascii_lowercase()).ok_or_else(|| {
        let known: Vec<&str> = CATALOG.iter().map(|kind| kind.name).collect();
        SettingsError::of("DESTINATION", format!("there is no {name:?}; there are: {}", known.join(", ")))
    })
}

/// The settings of one kind of destination: its own, its transport's, and those that every destination has.
fn settings_of(kind: &Kind) -> impl Iterator<Item = &'static Setting> {
    kind.settings.iter().flat_map(|group| group.iter()).chain(route::settings(kind)).chain(REDACTION_SETTINGS)
}

/// The Markdown table of one kind's settings, as its README holds it between `<!-- settings -->` and `<!-- /settings -->`; ends with a
/// line break.
#[must_use]
pub fn markdown(kind: &Kind) -> String {
    markdown_table(kind.name, settings_of(kind))
}

/// The Markdown table of the settings that belong to no destination.
#[must_use]
pub fn markdown_of_program() -> String {
    let mut out = String::from(MARKDOWN_HEAD);
    for (section, declared) in crate::app::SECTIONS {
        declared.iter().for_each(|setting| markdown_row(&mut out, section, setting));
    }
    out
}

const MARKDOWN_HEAD: &str = "| Setting | Needed | Default | Meaning |\n|---|---|---|---|\n";

fn markdown_table(section: &str, declared: impl Iterator<Item = &'static Setting>) -> String {
    let mut out = String::from(MARKDOWN_HEAD);
    declared.for_each(|setting| markdown_row(&mut out, section, setting));
    out
}

fn markdown_row(out: &mut String, section: &str, setting: &Setting) {
    let escape = |text: &str| text.replace('|', "\\|");
    let (needed, default) = match setting.need {
        Need::Required => ("yes", String::new()),
        Need::Optional => ("no", String::new()),
        Need::Default(value) => ("no", format!("`{}`", escape(value))),
    };
    let secret = if setting.secret { " Secret." } else { "" };
    let name = full_name(section, setting.key);
    let _ = writeln!(out, "| `{name}` | {needed} | {default} | {}{secret} |", escape(setting.about));
}

fn markdown_of_all(kinds: &[&Kind]) -> String {
    let mut out = format!("## Defender Relay\n\n{}", markdown_of_program());
    for kind in kinds {
        let _ = write!(out, "\n## {} (`{}`)\n\n{}", kind.title, kind.name, markdown(kind));
    }
    out
}

fn text(kinds: &[&Kind]) -> String {
    let mut out = String::from("Defender Relay\n");
    for (section, declared) in crate::app::SECTIONS {
        declared.iter().for_each(|setting| text_entry(&mut out, section, setting));
    }
    for kind in kinds {
        let _ = write!(out, "\n{} ({})\n", kind.title, kind.name);
        settings_of(kind).for_each(|setting| text_entry(&mut out, kind.name, setting));
    }
    out
}

fn text_entry(out: &mut String, section: &str, setting: &Setting) {
    let need = match setting.need {
        Need::Required => "required".to_owned(),
        Need::Optional => "optional".to_owned(),
        Need::Default(value) => format!("default {value}"),
    };
    let secret = if setting.secret { ", secret" } else { "" };
    let _ = writeln!(out, "  {} ({need}{secret})\n      {}", full_name(section, setting.key), setting.about);
}

/// A complete `local.settings.json`: every setting with its default, or empty, which counts as absent; in the order of documentation.
#[must_use]
pub fn skeleton(kinds: &[&Kind]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
    let names = names.join(", ");
    let value = |setting: &Setting| match setting.need {
        _ if setting.key == "DESTINATIONS" => names.clone(),
        Need::Default(value) => value.to_owned(),
        Need::Required | Need::Optional => String::new(),
    };
    let host = HOST_SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let program = crate::app::SECTIONS.iter().flat_map(|(section, declared)| {
        declared.iter().map(|setting| (full_name(section, setting.key), value(setting)))
    });
    let own = kinds
        .iter()
        .flat_map(|kind| settings_of(kind).map(|setting| (full_name(kind.name, setting.key), value(setting))));
    // Written by hand, since a JSON map of serde_json would sort the names.
    let lines: Vec<String> = host
        .chain(program)
        .chain(own)
        .map(|(name, value)| format!("    {}: {}", Value::from(name), Value::from(value)))
        .collect();
    format!("{{\n  \"IsEncrypted\": false,\n  \"Values\": {{\n{}\n  }}\n}}\n", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_escape_pipes_and_name_settings_in_full() {
        const DECLARED: [Setting; 2] =
            [Setting::required("TOKEN", "The token.").secret(), Setting::default("FORMAT", "a|b", "One of a|b.")];
        assert_eq!(
            markdown_table("soc-syslog", DECLARED.iter()),
            "| Setting | Needed | Default | Meaning |\n|---|---|---|---|\n\
             | `SOC_SYSLOG__TOKEN` | yes |  | The token. Secret. |\n\
             | `SOC_SYSLOG__FORMAT` | no | `a\\|b` | One of a\\|b. |\n"
        );
    }

    #[test]
    fn every_kind_has_a_row_per_setting() {
        for kind in CATALOG {
            assert_eq!(markdown(kind).lines().count(), 2 + settings_of(kind).count(), "{}", kind.name);
        }
    }

    #[test]
    fn no_meaning_holds_what_markdown_would_swallow() {
        let program = crate::app::SECTIONS.iter().flat_map(|(_, declared)| declared.iter());
        for setting in CATALOG.iter().flat_map(settings_of).chain(program) {
            let code_aside: String = setting.about.split('`').step_by(2).collect();
            assert!(!code_aside.contains('<'), "{}: put <...> in backticks: {}", setting.key, setting.about);
        }
    }
}
