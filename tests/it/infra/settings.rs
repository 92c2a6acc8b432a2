//! App settings: each one that Bicep sets is read by somebody, and each that the triggers and the program need is set.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use defender_relay::app::SECTIONS;
use defender_relay::cli::settings::HOST_SETTINGS;
use defender_relay::cloud::Cloud;
use defender_relay::destinations::CATALOG;
use defender_relay::functions::ROUTES;
use serde_json::Value;

use super::bicep::{literal, members};
use super::{given, main, module, read};
use crate::support::root;

/// What others than the program's declared settings read, and who.
const READ_BY_OTHERS: &[(&str, &str)] = &[
    ("AZURE_CLIENT_ID", "the program's identity (deliver/token.rs): which of the app's identities it uses"),
    ("APPLICATIONINSIGHTS_CONNECTION_STRING", "the host: where telemetry goes"),
    (
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "the host: as whom it writes telemetry, since the component refuses keys",
    ),
    ("AzureWebJobsStorage__blobServiceUri", "the host: its own storage, for keys, locks and checkpoints"),
    ("AzureWebJobsStorage__credential", "the host: by managed identity"),
    ("AzureWebJobsStorage__clientId", "the host: by which one"),
];

/// What Flex Consumption refuses: its runtime and package are properties of the site.
const REFUSED: [&str; 6] = [
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_EXTENSION_VERSION",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
];

/// The settings that function-app.bicep writes itself, by name.
fn of_the_app() -> BTreeMap<String, String> {
    let app = module(&main(), "app");
    let written = members(app.get("resource", "appSettings").value().unwrap());
    assert_eq!(literal(&written["name"]), Some("appsettings"));
    let groups = written["properties"].strip_prefix("union(").and_then(|rest| rest.strip_suffix(')')).unwrap();
    let groups: Vec<&str> = groups.split(',').map(str::trim).collect();
    assert_eq!(
        groups[0], "settings",
        "what the user gives comes first, so that it cannot break the host's own settings"
    );
    groups[1..].iter().flat_map(|group| app.object(group)).collect()
}

/// The settings that main.bicep works out and gives to the app, as they stand there: `DESTINATIONS`, `${name}__ENDPOINT`.
fn worked_out() -> BTreeSet<String> {
    let expression = given(&main(), "app")["settings"].clone();
    let mut found: BTreeSet<String> = members(&expression).into_keys().collect();
    found.extend(expression.split('\'').filter(|text| text.contains("__")).map(str::to_owned));
    found
}

/// The bindings of each function.
fn triggers() -> Vec<(String, Value)> {
    ROUTES
        .iter()
        .map(|route| {
            let function: Value =
                serde_json::from_str(&read(&format!("function-triggers/{route}/function.json"))).unwrap();
            ((*route).to_owned(), function["bindings"][0].clone())
        })
        .collect()
}

/// Settings that the bindings name: `%NAME%`, and those that a connection's prefix needs for a managed identity.
fn named_by_triggers() -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (_, trigger) in triggers() {
        for (key, value) in trigger.as_object().unwrap() {
            let Some(text) = value.as_str() else { continue };
            named.extend(text.strip_prefix('%').and_then(|text| text.strip_suffix('%')).map(str::to_owned));
            if key == "connection" {
                named.extend(["fullyQualifiedNamespace", "credential", "clientId"].map(|end| format!("{text}__{end}")));
            }
        }
    }
    named
}

#[test]
fn every_app_setting_is_read_by_somebody() {
    let declared: BTreeSet<String> = SECTIONS
        .iter()
        .flat_map(|(section, settings)| {
            settings.iter().map(move |setting| {
                if section.is_empty() { setting.key.to_owned() } else { format!("{section}__{}", setting.key) }
            })
        })
        .collect();
    let triggers = named_by_triggers();
    let sentinel = CATALOG.iter().find(|kind| kind.name == "sentinel").unwrap();
    for name in of_the_app().into_keys().chain(worked_out()) {
        let switch = name.strip_prefix("AzureWebJobs.").and_then(|rest| rest.strip_suffix(".Disabled"));
        let read = declared.contains(&name)
            || triggers.contains(&name)
            || READ_BY_OTHERS.iter().any(|(other, _)| *other == name)
            || switch.is_some_and(|function| ROUTES.contains(&function))
            || name
                .strip_prefix("${name}__")
                .is_some_and(|key| sentinel.settings.iter().copied().flatten().any(|setting| setting.key == key));
        assert!(read, "Bicep sets {name}, and nobody reads it");
        assert!(!REFUSED.contains(&name.as_str()), "Flex Consumption refuses {name}");
    }
    for (name, _) in READ_BY_OTHERS {
        assert!(of_the_app().contains_key(*name), "{name} is in this test and no longer in Bicep");
    }
}

#[test]
fn everything_that_must_be_given_is_given() {
    let app = of_the_app();
    for name in named_by_triggers() {
        let value = app.get(&name).unwrap_or_else(|| panic!("a trigger names {name}, and Bicep does not set it"));
        assert!(!value.is_empty() && value != "''", "{name} is empty; the host reads it of disabled functions too");
    }
    for (_, trigger) in triggers() {
        let Some(prefix) = trigger["connection"].as_str() else { continue };
        assert_eq!(literal(&app[&format!("{prefix}__credential")]), Some("managedidentity"));
    }
    // What the program cannot do without: its required settings.
    let given: BTreeSet<String> = app.into_keys().chain(worked_out()).collect();
    for (section, settings) in SECTIONS {
        for setting in settings.iter().filter(|setting| setting.need == defender_relay::settings::Need::Required) {
            let name = if section.is_empty() { setting.key.to_owned() } else { format!("{section}__{}", setting.key) };
            assert!(given.contains(&name), "the program needs {name}, and Bicep does not set it");
        }
    }
    // The default destination works without the user: every setting that it needs is worked out.
    assert_eq!(main().get("param", "destinations").value(), Some("'sentinel'"));
    assert_eq!(main().get("param", "relayTables").value(), Some("true"));
    let sentinel = CATALOG.iter().find(|kind| kind.name == "sentinel").unwrap();
    for setting in sentinel
        .settings
        .iter()
        .copied()
        .flatten()
        .filter(|setting| setting.need == defender_relay::settings::Need::Required)
    {
        assert!(given.contains(&format!("${{name}}__{}", setting.key)), "sentinel needs {}", setting.key);
    }
}

#[test]
fn switches_and_instances_name_functions() {
    let app = of_the_app();
    let switched: BTreeSet<&str> = app
        .keys()
        .filter_map(|name| name.strip_prefix("AzureWebJobs.").and_then(|rest| rest.strip_suffix(".Disabled")))
        .collect();
    assert_eq!(
        switched,
        BTreeSet::from(["graph", "logs", "sync"]),
        "what is optional has a switch, what is not has none"
    );
    assert!(switched.iter().all(|function| ROUTES.contains(function)));
    // The local settings switch off what the template switches off.
    for function in switched {
        let switch = format!("AzureWebJobs.{function}.Disabled");
        assert!(HOST_SETTINGS.contains(&(switch.as_str(), "true")), "{switch}");
    }
    let text = module(&main(), "app").text;
    let ready: Vec<&str> = text.split("'function:").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    assert_eq!(ready, ["alerts"]);
    assert!(ready.iter().all(|function| ROUTES.contains(function)));
}

#[test]
fn names_agree_from_end_to_end() {
    let main = main();
    let names = |variable: &str| literal(main.get("var", variable).value().unwrap()).unwrap().to_owned();
    let app = given(&main, "app");

    // Alerts: export -> hub -> trigger.
    assert_eq!(given(&main, "alertsHub")["hubName"], "alertsHubName");
    assert_eq!(given(&main, "export")["eventHubResourceId"], "alertsHub.outputs.hubId");
    assert_eq!(app["eventHubName"], "alertsHub.outputs.hubName");
    assert_eq!(app["eventHubNamespace"], "alertsHub.outputs.fullyQualifiedNamespace");
    assert!(given(&main, "alertsHub")["consumerGroups"].contains("consumerGroup"));
    assert_eq!(app["eventHubConsumerGroup"], "consumerGroup");
    // Raw logs: diagnostic settings -> hub -> trigger.
    assert_eq!(given(&main, "logsHub")["hubName"], "logsHubName");
    assert_eq!(given(&main, "activityLog")["eventHubName"], "logsHubName");
    assert_eq!(app["logsEventHubName"], "logsHubName");
    assert!(given(&main, "logsHub")["consumerGroups"].contains("consumerGroup"));
    assert_eq!(app["logsConsumerGroup"], "consumerGroup");
    // Letters: container -> program, role, and what is deleted in time.
    assert_eq!(given(&main, "letters")["containers"], "[lettersContainer]");
    assert_eq!(app["stateUrl"], "'${letters.outputs.blobEndpoint}${lettersContainer}'");
    assert_eq!(given(&main, "access")["lettersContainerName"], "lettersContainer");
    let expirations = &given(&main, "letters")["expirations"];
    let prefixes: Vec<&str> =
        expirations.split("${lettersContainer}/").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    assert_eq!(prefixes, ["dead/", "audit/", "seen/"], "never what is parked, never a cursor");
    assert_eq!(main.get("param", "auditRetentionDays").value(), Some("0"));
    assert!(read("src/outbox/name.rs").contains("Self::Dead => \"dead\""));
    // The package: container -> site.
    assert_eq!(given(&main, "hostStorage")["containers"], "[packageContainer]");
    assert_eq!(app["packageContainer"], "packageContainer");
    // Rows: tables -> destination, role.
    let tables = module(&main, "tables");
    for output in ["endpoint", "ruleImmutableId"] {
        assert!(app["settings"].contains(&format!("tables!.outputs.{output}")));
        tables.get("output", output);
    }
    assert!(given(&main, "access")["collectionRuleName"].contains("tables!.outputs.ruleName"));

    // And as the documents and the local settings have them.
    let sample: BTreeMap<&str, &str> = HOST_SETTINGS.iter().copied().collect();
    assert_eq!(names("logsHubName"), sample["LOGS_EVENT_HUB_NAME"]);
    assert_eq!(names("consumerGroup"), sample["LOGS_CONSUMER_GROUP"]);
    assert!(read("README.md").contains(&format!("`{}`", names("alertsHubName"))));
    assert_ne!(names("alertsHubName"), names("logsHubName"));
}

#[test]
fn tables_and_streams_come_from_the_destination_itself() {
    let files: BTreeSet<String> = fs::read_dir(root().join("src/destinations/sentinel/tables"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let text = read("infra/modules/sentinel/tables.bicep");
    let loaded: BTreeSet<String> = text
        .split("loadJsonContent('../../../src/destinations/sentinel/tables/")
        .skip(1)
        .filter_map(|rest| rest.split('\'').next().map(str::to_owned))
        .collect();
    assert_eq!(loaded, files);

    let rules = super::File::read("infra/modules/sentinel/relay-tables.bicep");
    assert!(rules.get("var", "rule").rest.contains("loadJsonContent('../../../src/destinations/sentinel/dcr.json')"));
    let rule: Value = serde_json::from_str(&read("src/destinations/sentinel/dcr.json")).unwrap();
    let declared = rule["properties"]["streamDeclarations"].as_object().unwrap();
    let own = rules.object("ownStreams");
    for (stream, source) in &own {
        assert!(declared.contains_key(stream), "dcr.json has no stream {stream}");
        assert_eq!(source, &format!("rule.streamDeclarations['{stream}']"));
        assert!(files.contains(&format!("{}_CL.json", stream.strip_prefix("Custom-").unwrap())));
    }
    // The one that is left out by default is ASIM's, whose flow must be the last: the template takes the flows before it.
    let left: Vec<&String> = declared.keys().filter(|stream| !own.contains_key(*stream)).collect();
    let flows = rule["properties"]["dataFlows"].as_array().unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(flows.len(), own.len() + 1);
    assert_eq!(flows.last().unwrap()["streams"][0], left[0].as_str());
}

#[test]
fn every_cloud_of_the_template_is_one_of_the_program() {
    let app = of_the_app();
    assert_eq!(app["AZURE_CLOUD"], "environment().name");
    // Names that environment() can give.
    let zones = main().object("privateZones");
    assert_eq!(zones.keys().collect::<Vec<_>>(), ["AzureChinaCloud", "AzureCloud", "AzureUSGovernment"]);
    for cloud in zones.keys() {
        assert!(Cloud::from_text(cloud).is_some(), "the program knows no cloud {cloud}");
    }
}
