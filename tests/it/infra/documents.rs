//! `infra/README.md` lists every parameter and output; parameters are described and bounded; nothing secret comes out.

use std::fmt::Write;

use super::bicep::{Declaration, File};
use super::{main, read};

/// What stands between `<!-- name -->` and `<!-- /name -->`.
fn marked<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("<!-- {name} -->"))?;
    Some(rest.split_once(&format!("<!-- /{name} -->"))?.0.trim())
}

/// A value on one line, as a cell of a table.
fn cell(value: &str) -> String {
    let line = value.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    let line = line.replace("[ ", "[").replace(" ]", "]").replace("' '", "', '");
    if line.is_empty() { line } else { format!("`{line}`") }
}

/// What a parameter takes: its type and limits, or the values that are allowed.
fn takes(parameter: &Declaration) -> String {
    let decorator = |name: &str| {
        let (_, rest) = parameter.decorators.split_once(&format!("@{name}("))?;
        Some(
            rest.rsplit_once(')')
                .map_or(rest, |(_, _)| rest.split("\n@").next().unwrap().trim_end().trim_end_matches(')')),
        )
    };
    let kind = parameter.rest.split_whitespace().next().unwrap();
    match (decorator("allowed"), decorator("minValue"), decorator("maxValue")) {
        (Some(allowed), _, _) if kind == "array" => format!("some of {}", cell(allowed)),
        (Some(allowed), _, _) => cell(allowed.trim().trim_start_matches('[').trim_end_matches(']')),
        (None, Some(least), Some(most)) => format!("{} to {}", least.trim(), most.trim()),
        _ => kind.to_owned(),
    }
}

#[test]
fn the_page_lists_every_parameter_and_output() {
    let main = main();
    let mut parameters = String::from("| Parameter | Takes | Default | Meaning |\n|---|---|---|---|");
    for parameter in main.of("param") {
        let default = parameter.value().map_or_else(|| "must be given".to_owned(), cell);
        let about = parameter.description().unwrap().replace('|', "\\|");
        write!(parameters, "\n| `{}` | {} | {default} | {about} |", parameter.name, takes(parameter)).unwrap();
    }
    let mut outputs = String::from("| Output | Meaning |\n|---|---|");
    for output in main.of("output") {
        write!(outputs, "\n| `{}` | {} |", output.name, output.description().unwrap()).unwrap();
    }
    let page = read("infra/README.md");
    for (name, table) in [("parameters", parameters), ("outputs", outputs)] {
        assert_eq!(marked(&page, name).unwrap(), table, "put this into infra/README.md, {name}:\n{table}\n");
    }
}

#[test]
fn the_page_names_every_file_of_the_folder() {
    let page = read("infra/README.md");
    for file in File::all("infra") {
        let path = file.path.strip_prefix("infra").unwrap().display().to_string();
        assert!(page.contains(&format!("]({path})")), "infra/README.md does not link to {path}");
    }
}

#[test]
fn every_parameter_is_described_and_bounded() {
    let mut faults = Vec::new();
    for file in File::all("infra") {
        for declaration in file.of("param").chain(file.of("output")) {
            if declaration.description().is_none_or(|text| text.len() < 10) {
                faults.push(format!("{}: {} has no description", file.path.display(), declaration.name));
            }
        }
        for parameter in file.of("param") {
            let bounded = ["@allowed(", "@minValue("].iter().any(|word| parameter.decorators.contains(word));
            if parameter.rest.starts_with("int") && !bounded {
                faults.push(format!("{}: {} is a number without a range", file.path.display(), parameter.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn nothing_secret_comes_out() {
    for file in File::all("infra") {
        for output in file.of("output") {
            let value = output.value().unwrap().to_lowercase();
            for secret in ["listkeys", "primarykey", "primaryconnectionstring", "sharedaccesskey"] {
                assert!(!value.contains(secret), "{}: output {} is a secret", file.path.display(), output.name);
            }
        }
    }
    // The one connection string that modules hand on opens nothing by itself, and does not leave the deployment all the same.
    for output in main().of("output") {
        assert!(!output.rest.to_lowercase().contains("connectionstring"), "output {}", output.name);
    }
}
