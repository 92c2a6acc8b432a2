//! The parameter sets of `tests/infra`: each is what its name says, and the program takes the settings in it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use super::bicep::{File, literal, members};
use super::main;

/// The parameters of a set, and what it gives to each.
fn set(name: &str) -> BTreeMap<String, String> {
    let file = File::read(format!("tests/infra/{name}.bicepparam"));
    assert!(file.text.contains("using '../../infra/main.bicep'"), "{name}");
    file.of("param").map(|each| (each.name.clone(), each.value().unwrap_or_default().to_owned())).collect()
}

#[test]
fn the_sets_are_what_their_names_say() {
    let minimal: BTreeSet<String> = set("minimal").into_keys().collect();
    // What has no default, and what no template can find.
    let must: BTreeSet<String> =
        main().of("param").filter(|each| each.value().is_none()).map(|each| each.name.clone()).collect();
    assert!(minimal.is_superset(&must), "{minimal:?}");
    assert!(minimal.difference(&must).all(|name| name == "defenderPrincipalId"), "{minimal:?}");

    let everything = set("everything");
    // These exclude what the set shows, or are for one moment only.
    let not_here = ["privateNetwork", "privateMonitor", "recoverVault"];
    for parameter in main().of("param").filter(|each| each.rest.starts_with("bool") && each.value() == Some("false")) {
        assert_eq!(
            everything.get(&parameter.name).is_some_and(|value| value == "true"),
            !not_here.contains(&parameter.name.as_str()),
            "{} in everything.bicepparam",
            parameter.name
        );
    }
    for map in ["destinationSettings", "destinationSecrets", "relaySettings", "graphSettings", "syncSettings"] {
        assert!(everything[map].contains(':'), "everything.bicepparam gives no {map}");
    }
    let destinations = &everything["destinations"];
    assert!(destinations.matches('=').count() >= 2, "two of one kind: {destinations}");

    assert_eq!(set("private-network")["privateNetwork"], "true");
}

/// What main.bicep adds to the settings of a function that is given some.
fn worked_out(set: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let workspace = "/subscriptions/33333333-4444-4555-8666-777777777777/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/log";
    let given = [("graphSettings", "graphDefaults"), ("syncSettings", "syncDefaults")];
    given
        .into_iter()
        .filter(|(parameter, _)| set.get(*parameter).is_some_and(|value| value != "{}"))
        .flat_map(|(_, variable)| main().object(variable))
        .map(|(name, value)| {
            let value = match value.as_str() {
                "join(syncSubscriptions, ',')" => "33333333-4444-4555-8666-777777777777",
                "join(syncWorkspaces, ',')" => workspace,
                text => literal(text).unwrap(),
            };
            (name, value.to_owned())
        })
        .collect()
}

#[test]
fn the_program_takes_the_settings_of_each_set() {
    for name in ["minimal", "everything", "private-network"] {
        let set = set(name);
        let object = |parameter: &str| set.get(parameter).map(|text| members(text)).unwrap_or_default();
        let destinations = set.get("destinations").map_or("sentinel", |text| literal(text).unwrap());
        let secrets = object("destinationSecrets");
        let plain = ["destinationSettings", "relaySettings", "graphSettings", "syncSettings"].map(object);
        let output = Command::new(env!("CARGO_BIN_EXE_defender-relay"))
            .arg("check")
            .env_clear()
            .env("STATE__URL", "memory:")
            .env("DESTINATIONS", destinations)
            // As main.bicep works them out.
            .env("SENTINEL__ENDPOINT", "https://dcr-x.westeurope-1.ingest.monitor.azure.com")
            .env("SENTINEL__RULE_ID", "dcr-00000000000000000000000000000000")
            .envs(worked_out(&set))
            .envs(plain.into_iter().flatten().map(|(key, value)| (key, literal(&value).unwrap().to_owned())))
            .envs(secrets.keys().map(|key| (key, "a-secret")))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // A made-up secret may have the wrong form; that its setting exists is what counts.
        for line in said.lines().filter(|line| line.starts_with("  ")) {
            let setting = line.trim().split(':').next().unwrap();
            assert!(secrets.contains_key(setting) && !line.contains("unknown setting"), "{name}: {line}");
        }
        assert!(output.status.success() || !secrets.is_empty(), "{name}: {said}");
        assert!(output.status.code().is_some_and(|code| code == 0 || code == 2), "{name}: {said}");
    }
}
