//! The documents say what the program does: tables equal the catalogue, settings exist, links lead somewhere.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use defender_relay::app::{self, SECTIONS};
use defender_relay::cli::settings::{HOST_SETTINGS, markdown, markdown_of_program};
use defender_relay::destinations::{CATALOG, Kind};
use defender_relay::functions::ROUTES;
use defender_relay::redaction::REDACTION_SETTINGS;
use defender_relay::route;
use defender_relay::settings::{Setting, Values};
use serde_json::Value;

use crate::support::root;

/// Sections of a destination's page, in lower case.
const SECTIONS_OF_A_PAGE: [&str; 7] =
    ["what arrives", "set up", "settings", "field mapping", "limits and retr", "troubleshooting", "not verified"];

/// Every file of the repository: what lies here, without what builds and runs leave behind.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if ![".git", ".defender-relay", "target", "dist"].contains(&name) {
                    open.push(path);
                }
            } else if name != "local.settings.json" && name != ".git" && !name.ends_with(".zip") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn pages() -> Vec<(PathBuf, String)> {
    let found = files().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    found.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands between `<!-- name -->` and `<!-- /name -->`.
fn marked<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("<!-- {name} -->"))?;
    Some(rest.split_once(&format!("<!-- /{name} -->"))?.0.trim())
}

/// The lines of a page that are not inside a code block.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn page_of(kind: &Kind) -> String {
    read(&format!("src/destinations/{}/README.md", kind.name))
}

#[test]
fn the_readme_lists_the_catalogue() {
    let mut table = String::from("| in `DESTINATIONS` | system | what arrives there |\n|---|---|---|");
    for Kind { name, title, arrives, .. } in CATALOG {
        write!(table, "\n| `{name}` | [{title}](src/destinations/{name}/README.md) | {arrives} |").unwrap();
    }
    let readme = read("README.md");
    assert_eq!(marked(&readme, "destinations").unwrap(), table, "put this into README.md:\n{table}\n");
}

#[test]
fn every_destination_has_a_whole_page() {
    let mut faults = Vec::new();
    for kind in CATALOG {
        let page = page_of(kind);
        let headings: Vec<String> = prose(&page).filter(|line| line.starts_with('#')).map(str::to_lowercase).collect();
        for section in SECTIONS_OF_A_PAGE.iter().filter(|section| !headings.iter().any(|h| h.contains(**section))) {
            faults.push(format!("{}/README.md has no section {section:?}", kind.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_destinations_settings_table_is_its_declaration() {
    for kind in CATALOG {
        let table = markdown(kind);
        let page = page_of(kind);
        let written = marked(&page, "settings").unwrap_or("nothing between settings markers");
        assert_eq!(written, table.trim(), "put this into src/destinations/{}/README.md:\n{table}\n", kind.name);
    }
}

/// Full names of the settings that are no destination's.
fn general_settings() -> BTreeSet<String> {
    let full = |section: &str, setting: &Setting| {
        if section.is_empty() { setting.key.to_owned() } else { format!("{section}__{}", setting.key) }
    };
    SECTIONS.iter().flat_map(|(name, settings)| settings.iter().map(|setting| full(name, setting))).collect()
}

/// What looks like a setting (`SPLUNK__TOKEN`) in a page.
fn mentioned(page: &str) -> BTreeSet<String> {
    page.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.contains("__") && !word.ends_with('_') && !word.starts_with('_'))
        .filter(|word| word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_pages_name_no_setting_that_does_not_exist() {
    let general = general_settings();
    let keys: BTreeSet<&str> = CATALOG
        .iter()
        .flat_map(|kind| kind.settings.iter().flat_map(|group| group.iter()).chain(route::settings(kind)))
        .chain(REDACTION_SETTINGS)
        .map(|setting| setting.key)
        .collect();
    let mut faults = Vec::new();
    for (path, page) in pages() {
        for name in mentioned(&page).iter().filter(|name| !general.contains(*name)) {
            let key = name.split_once("__").unwrap().1;
            if !keys.contains(key) {
                faults.push(format!("{} names {name}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_readmes_settings_table_is_the_declaration() {
    let table = markdown_of_program();
    let readme = read("README.md");
    assert_eq!(marked(&readme, "settings").unwrap(), table.trim(), "put this into README.md:\n{table}\n");
    for setting in route::settings(&CATALOG[0]).iter().chain(REDACTION_SETTINGS) {
        assert!(readme.contains(&format!("`{}`", setting.key)), "README.md does not mention {}", setting.key);
    }
}

#[test]
fn the_sample_settings_are_a_faultless_configuration() {
    let sample: Value = serde_json::from_str(&read("local.settings.sample.json")).unwrap();
    assert_eq!(sample["IsEncrypted"], false);
    let pairs: Vec<(String, String)> = sample["Values"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().expect("app settings are texts").to_owned()))
        .collect();
    for (name, _) in HOST_SETTINGS {
        assert!(pairs.iter().any(|(given, _)| given == name), "{name} is missing");
    }
    let ours: Vec<_> =
        pairs.into_iter().filter(|(name, _)| !HOST_SETTINGS.iter().any(|(host, _)| host == name)).collect();
    // No name is there by mistake: each is general, or belongs to a destination that is switched on; `check` knows those.
    let values = Values::new(ours.clone());
    let sections: Vec<String> = values
        .get("DESTINATIONS")
        .unwrap()
        .split(',')
        .map(|entry| defender_relay::settings::setting_prefix(entry.split('=').next().unwrap().trim()))
        .collect();
    for (name, _) in &ours {
        let section = name.split_once("__").map(|(section, _)| section.to_owned());
        let known = general_settings().contains(name) || section.is_some_and(|section| sections.contains(&section));
        assert!(known, "{name} is nobody's setting");
    }
    app::check(&values).unwrap();
}

#[test]
fn the_settings_of_the_host_are_those_that_the_functions_name() {
    // What the host wants of every app, besides what the functions name; and the switches of the functions that not everybody wants.
    let of_the_host = ["FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"];
    let mut named: BTreeSet<String> = of_the_host.map(str::to_owned).into();
    named.extend(["logs", "graph", "sync"].map(|function| format!("AzureWebJobs.{function}.Disabled")));
    for route in ROUTES {
        let function: Value = serde_json::from_str(&read(&format!("function-triggers/{route}/function.json"))).unwrap();
        for (key, value) in
            function["bindings"].as_array().unwrap().iter().flat_map(|binding| binding.as_object().unwrap())
        {
            let Some(text) = value.as_str() else { continue };
            named.extend(text.strip_prefix('%').and_then(|text| text.strip_suffix('%')).map(str::to_owned));
            if key == "connection" {
                named.insert(format!("{text}__fullyQualifiedNamespace"));
            }
        }
    }
    assert_eq!(HOST_SETTINGS.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>(), named);
    let readme = read("README.md");
    for name in named {
        assert!(readme.contains(&name), "README.md does not mention {name}");
    }
}

#[test]
fn links_lead_to_files() {
    let mut faults = Vec::new();
    for (path, page) in pages() {
        for target in prose(&page).flat_map(links) {
            let file = target.split('#').next().unwrap();
            if !file.is_empty() && !file.contains(':') && !path.parent().unwrap().join(file).exists() {
                faults.push(format!("{} links to {target}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Targets of `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

#[test]
fn no_file_names_a_place_on_the_machine_where_it_was_written() {
    let places = [concat!("/wo", "rk/"), concat!("/tmp", "/wt"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let mut faults = Vec::new();
    for path in files() {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        for place in places.iter().filter(|place| text.contains(**place)) {
            faults.push(format!("{} holds {place}", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_snapshot_has_its_source() {
    for path in files().iter().filter(|path| path.extension().is_some_and(|extension| extension == "snap")) {
        assert!(
            source_of(path).is_some_and(|source| root().join(source).is_file()),
            "{} has no source",
            path.display()
        );
    }
}

/// The source file that a snapshot's header names.
fn source_of(snapshot: &Path) -> Option<String> {
    let text = fs::read_to_string(snapshot).unwrap();
    text.lines().find_map(|line| line.strip_prefix("source: ")).map(|source| source.trim_matches('"').to_owned())
}
