//! azd, the workflows and the scripts name what there is: files, services, outputs, variables.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::bicep::{File, literal};
use super::{main, module, read};
use crate::support::root;

/// The value of the first line `key: value` of a YAML file.
fn value<'a>(yaml: &'a str, key: &str) -> &'a str {
    let line = yaml.lines().map(str::trim).find(|line| line.starts_with(&format!("{key}:")));
    line.unwrap_or_else(|| panic!("no {key}")).split_once(':').unwrap().1.trim().trim_matches('\'')
}

/// The files below `.github/workflows`.
fn workflows() -> Vec<(String, String)> {
    let folder = root().join(".github/workflows");
    let mut found: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn azd_finds_the_app_and_the_package() {
    let azure = read("azure.yaml");
    let mut services = azure.split("\nservices:\n").nth(1).unwrap().lines().map(str::trim);
    let service = services.find(|line| !line.starts_with('#')).unwrap().trim_end_matches(':');
    let app = module(&main(), "app");
    assert_eq!(app.get("param", "serviceName").value().and_then(literal), Some(service));
    assert!(app.get("resource", "site").rest.contains("union(tags, { 'azd-service-name': serviceName })"));
    assert!(!super::given(&main(), "app").contains_key("serviceName"), "main.bicep names the service otherwise");
    assert!(main().get("var", "allTags").rest.contains("'azd-env-name': environmentName"));

    // What scripts/package writes when nobody says where: the zip is named after the folder, `dist`.
    assert_eq!(value(&azure, "dist"), "dist.zip");
    let package = read("scripts/package");
    assert!(package.contains("out=${out:-$PWD/dist}"));
    assert!(package.contains("f\"{out}.zip\""));
    assert_eq!((value(&azure, "path"), value(&azure, "module")), ("infra", "main"));
    assert_eq!((value(&azure, "host"), value(&azure, "language")), ("function", "custom"));
}

#[test]
fn each_hook_is_there_for_both_systems() {
    let azure = read("azure.yaml");
    let run: BTreeSet<&str> = azure.lines().filter_map(|line| line.trim().strip_prefix("run: ./")).collect();
    let folder = root().join("scripts/hooks");
    let there: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| format!("scripts/hooks/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    assert_eq!(run, there.iter().map(String::as_str).collect());
    for hook in run {
        match hook.rsplit_once('.').unwrap() {
            (name, "sh") => {
                assert!(there.contains(&format!("{name}.ps1")), "{hook} has no twin for Windows");
                // azd runs the file itself.
                let mode = fs::metadata(root().join(hook)).unwrap().permissions().mode();
                assert_eq!(mode & 0o111, 0o111, "{hook} is not executable");
            }
            (name, "ps1") => assert!(there.contains(&format!("{name}.sh")), "{hook} has no twin"),
            _ => panic!("{hook} is neither"),
        }
    }
}

#[test]
fn the_hook_registers_the_providers_of_the_templates() {
    let mut used: BTreeSet<String> = File::all("infra")
        .iter()
        .flat_map(|file| {
            file.of("resource")
                .filter(|resource| !resource.rest.contains(" existing = {"))
                .filter_map(|resource| {
                    resource.rest.trim_start().strip_prefix('\'')?.split('/').next().map(str::to_owned)
                })
                .collect::<Vec<_>>()
        })
        .collect();
    // Always registered. And the subnet of a private network is delegated to one that has no resource here.
    used.remove("Microsoft.Resources");
    used.insert("Microsoft.App".to_owned());
    for hook in ["preprovision.sh", "preprovision.ps1"] {
        let text = read(&format!("scripts/hooks/{hook}"));
        let from = text.find("roviders").max(text.find("\nPROVIDERS=")).unwrap();
        let list = text[from..].split(['\'', '\n', ' ', ',', '(', ')']).filter(|word| word.starts_with("Microsoft."));
        let listed: BTreeSet<String> = list
            .filter(|word| word.matches('.').count() == 1)
            .map(|word| word.trim_end_matches(';').to_owned())
            .collect();
        assert_eq!(listed, used, "{hook}");
    }
}

#[test]
fn variables_of_azd_exist() {
    let outputs: BTreeSet<String> = main().of("output").map(|output| output.name.clone()).collect();
    let parameters = read("infra/main.bicepparam");
    let read_there: BTreeSet<&str> =
        parameters.split("readEnvironmentVariable('").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    let hooks: String = fs::read_dir(root().join("scripts/hooks"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    for page in ["README.md", "docs/deploy.md", "infra/README.md", "docs/operations.md", "docs/logs.md"] {
        let text = read(page);
        for rest in text.split("azd env get-value ").skip(1) {
            let name = rest.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_').next().unwrap();
            assert!(outputs.contains(name) || name == "AZURE_SUBSCRIPTION_ID", "{page}: nothing puts out {name}");
        }
        for rest in text.split("azd env set ").skip(1) {
            let name = rest.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_').next().unwrap();
            let used = read_there.contains(name) || hooks.contains(&format!("{name}:-"));
            assert!(used, "{page}: nobody reads {name}");
        }
    }
    // What the hooks find out or go by is what the templates get.
    for name in ["DEFENDER_PRINCIPAL_ID", "EXPORT_AUTH", "CONTINUOUS_EXPORT", "PRIVATE_NETWORK"] {
        assert!(read_there.contains(name), "main.bicepparam does not read {name}");
    }
    for name in ["AZURE_RESOURCE_GROUP", "KEY_VAULT_NAME", "KEY_VAULT_SECRET_NAMES", "STATUS_URL", "FUNCTION_APP_NAME"]
    {
        assert!(outputs.contains(name), "a hook reads {name}");
    }
}

#[test]
fn workflows_do_what_the_gate_does_with_least_rights() {
    let found = workflows();
    assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["ci.yml", "release.yml"]);
    for (name, text) in &found {
        assert!(text.contains("\npermissions:\n  contents: read\n"), "{name} has more rights than it needs");
        assert!(text.contains("\nconcurrency:\n"), "{name}");
        assert!(!text.contains("pull_request_target"), "{name} would run foreign code with our rights");
        for line in text.lines().map(str::trim) {
            let Some(action) = line.strip_prefix("- uses: ").or_else(|| line.strip_prefix("uses: ")) else { continue };
            let version = action.split('@').nth(1).unwrap_or_default();
            let major = version.strip_prefix('v').is_some_and(|rest| rest.parse::<u32>().is_ok());
            let commit = version.len() == 40 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(major || commit, "{name}: {action} is not pinned");
        }
        for script in text.split_whitespace().filter(|word| word.starts_with("scripts/") && !word.contains('*')) {
            assert!(root().join(script).is_file(), "{name}: there is no {script}");
        }
    }
    let ci = &found[0].1;
    for line in read("scripts/check").lines() {
        let command = line.trim().trim_start_matches(|letter| letter != 'c');
        if command.starts_with("cargo ") && !line.trim_start().starts_with('#') {
            assert!(ci.contains(command), "ci.yml does not run: {command}");
        }
    }
    for command in ["scripts/package --zip", "scripts/check-infra", "az bicep install", "cargo-deny-action"] {
        assert!(ci.contains(command), "ci.yml does not run: {command}");
    }
    let judges = read("scripts/check-infra");
    assert!(judges.contains("bicep build ") && judges.contains("bicep lint "));

    let release = &found[1].1;
    for needed in [
        "scripts/package --zip",
        "sha256sum",
        "cyclonedx",
        "attest-build-provenance",
        "CHANGELOG.md",
        "gh release create",
    ] {
        assert!(release.contains(needed), "release.yml has no {needed}");
    }
}
