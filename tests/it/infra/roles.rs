//! Roles: their ids are those of their names, each assignment says why, and together they cover what the code calls.

use std::collections::{BTreeMap, BTreeSet};

use super::bicep::{File, literal, members};
use super::read;

/// Built-in roles by name. Source: Microsoft's list of Azure built-in roles.
const IDS: &[(&str, &str)] = &[
    ("Azure Event Hubs Data Receiver", "a638d3c7-ab3a-418d-83e6-5f17a39d4fde"),
    ("Azure Event Hubs Data Sender", "2b629674-e913-4c01-ae53-ef4638d8f975"),
    ("Storage Blob Data Owner", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"),
    ("Storage Blob Data Contributor", "ba92f5b4-2d11-453d-a403-e96b0029c9fe"),
    ("Key Vault Secrets User", "4633458b-17de-408a-b874-0445c86b69e6"),
    ("Key Vault Secrets Officer", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"),
    ("Monitoring Metrics Publisher", "3913510d-42f4-4e42-8a64-420c390055eb"),
    ("Security Admin", "fb1c8493-542b-48eb-b624-b4c8fea62acd"),
    ("Microsoft Sentinel Responder", "3e150937-b8fe-4cfb-8069-0eaf05ecd056"),
    ("Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c"),
    ("Azure Event Hubs Data Owner", "f526a384-b230-433a-b45c-95f59c4a2dec"),
];

/// What the app calls, and by which right: where the code or the template says that it calls it, the text there, the role, and the resource
/// that it is on.
const CALLS: &[(&str, &str, &str, &str)] = &[
    ("function-triggers/alerts/function.json", "eventHubTrigger", "Azure Event Hubs Data Receiver", "alertsHub"),
    ("function-triggers/logs/function.json", "eventHubTrigger", "Azure Event Hubs Data Receiver", "logsHub"),
    (
        "infra/modules/function-app.bicep",
        "AzureWebJobsStorage__blobServiceUri",
        "Storage Blob Data Owner",
        "hostStorage",
    ),
    ("src/state/place.rs", "Storage Blob Data Contributor", "Storage Blob Data Contributor", "letters"),
    ("infra/main.bicep", "@Microsoft.KeyVault(", "Key Vault Secrets User", "vault"),
    ("infra/modules/function-app.bicep", "Authorization=AAD", "Monitoring Metrics Publisher", "applicationInsights"),
    ("src/cloud.rs", "Monitor,", "Monitoring Metrics Publisher", "collectionRule"),
];

/// Services that take tokens of the app, and are no matter of the roles in access.bicep: the file that gives the right, or says who does.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("PowerBi", "src/destinations/powerbi/README.md", "Contributor"),
    ("Kusto", "src/destinations/powerbi/README.md", "ingestor"),
    ("Graph", "scripts/grant-graph", "SecurityAlert.Read.All"),
    ("GraphDod", "scripts/grant-graph", "SecurityAlert.Read.All"),
    // Only with `syncRoles`, and outside the resource group.
    ("Arm", "infra/modules/access/subscription.bicep", "Security Admin"),
    ("Arm", "infra/modules/access/workspace.bicep", "Microsoft Sentinel Responder"),
];

/// Every assignment of a role by name: file, name of the resource, its members.
fn assignments() -> Vec<(String, String, BTreeMap<String, String>)> {
    File::all("infra")
        .iter()
        .flat_map(|file| {
            file.of("resource")
                .filter(|resource| resource.rest.starts_with("'Microsoft.Authorization/roleAssignments@"))
                .map(|resource| {
                    (file.path.display().to_string(), resource.name.clone(), members(resource.value().unwrap()))
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn a_role_has_the_id_of_its_name() {
    let known: BTreeMap<&str, &str> = IDS.iter().copied().collect();
    let mut seen = 0;
    for file in File::all("infra") {
        if file.of("var").any(|variable| variable.name == "roles") {
            for (name, id) in file.object("roles") {
                assert_eq!(literal(&id), known.get(name.as_str()).copied(), "{}: {name}", file.path.display());
                seen += 1;
            }
        }
        // No id stands in a template without its name.
        for (name, id) in IDS {
            for line in file.text.lines().filter(|line| line.contains(id)) {
                let plain = |text: &str| text.to_lowercase().replace(' ', "");
                assert!(plain(line).contains(&plain(name)), "{}: {id} without its name, {name}", file.path.display());
            }
        }
    }
    assert!(seen >= 8, "found {seen} roles only");
}

#[test]
fn every_assignment_says_why_and_whom_and_where() {
    let found = assignments();
    assert!(found.len() >= 9, "found {} assignments only", found.len());
    for (file, name, assignment) in found {
        let properties = members(&assignment["properties"]);
        let words = properties["description"].split(' ').count();
        assert!(words >= 4, "{file}: {name} has no description in words");
        assert!(properties.contains_key("principalType"), "{file}: {name} may be too early for its principal");
        // Without a scope it would be on the whole resource group or subscription.
        let whole = file.ends_with("access/subscription.bicep") || file.starts_with("infra/policy/");
        assert!(whole || assignment.contains_key("scope"), "{file}: {name} is wider than one resource");
        assert!(assignment["name"].starts_with("guid("), "{file}: {name} is another one at each deployment");
    }
}

#[test]
fn roles_cover_what_the_code_calls_and_nothing_else() {
    let access = File::read("infra/modules/access.bicep");
    let given: BTreeSet<(String, String)> = assignments()
        .into_iter()
        .filter(|(file, _, _)| file == "infra/modules/access.bicep")
        .filter_map(|(_, _, assignment)| {
            let properties = members(&assignment["properties"]);
            let role = properties["roleDefinitionId"].split("roles['").nth(1)?.split('\'').next()?.to_owned();
            (properties["principalId"] == "appPrincipalId").then(|| (role, assignment["scope"].clone()))
        })
        .collect();
    let needed: BTreeSet<(String, String)> =
        CALLS.iter().map(|(_, _, role, resource)| ((*role).to_owned(), (*resource).to_owned())).collect();
    assert_eq!(given, needed);
    for (file, text, _, resource) in CALLS {
        assert!(read(file).contains(text), "{file} no longer says {text}: does the app still need {resource}?");
        access.get("resource", resource);
    }
}

#[test]
fn every_service_that_takes_tokens_has_its_right() {
    let text = read("src/cloud.rs");
    let body = text.split("pub enum Service {").nth(1).unwrap().split('}').next().unwrap();
    let services: BTreeSet<&str> = body
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .map(|line| line.trim_end_matches(','))
        .collect();
    let known: BTreeSet<&str> = ELSEWHERE.iter().map(|(service, _, _)| *service).chain(["Monitor"]).collect();
    assert_eq!(services, known, "a service without a role in CALLS or a page in ELSEWHERE");
    for (service, page, right) in ELSEWHERE {
        assert!(read(page).contains(right), "{page} does not say which right {service} wants: {right}");
    }
}
