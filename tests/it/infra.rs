//! Infrastructure and program fit together: what Bicep sets is what the program reads, names agree, roles cover what the code calls, the
//! documents list what there is. Whether the Bicep itself is right is for `scripts/check-infra`.

mod bicep;
mod documents;
mod hooks;
mod publishing;
mod roles;
mod sets;
mod settings;
mod shut;

use std::fs;

use bicep::File;

use crate::support::root;

/// The template that makes everything.
fn main() -> File {
    File::read("infra/main.bicep")
}

/// The template's module of that name, by the name of the instance.
fn module(main: &File, instance: &str) -> File {
    let path = main.get("module", instance).rest.trim_start().split('\'').nth(1).unwrap().to_owned();
    File::read(format!("infra/{path}"))
}

/// The parameters that the template gives to an instance of a module.
fn given(main: &File, instance: &str) -> std::collections::BTreeMap<String, String> {
    bicep::members(&bicep::members(main.get("module", instance).value().unwrap())["params"])
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
