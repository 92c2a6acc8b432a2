//! The hooks of azd and the scripts around a deployment, run against stand-ins for `az` and `azd`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::root;

/// The application id of Defender for Cloud's principal.
const DEFENDER: &str = "8edd93e1-2103-40b4-bd70-6e34e586362d";

/// A folder with stand-ins for `az` and `azd` that write down how they were called.
struct Cloud {
    folder: TempDir,
}

impl Cloud {
    /// `answers` are the branches of a shell's `case "$*"`: pattern to command.
    fn new(answers: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let branches: String = answers.iter().map(|(pattern, command)| format!("{pattern}) {command} ;;\n")).collect();
        let log = folder.path().join("calls").display().to_string();
        for name in ["az", "azd"] {
            let script = format!("#!/bin/sh\necho \"{name} $*\" >>'{log}'\ncase \"$*\" in\n{branches}esac\n");
            executable(&folder.path().join("bin").join(name), &script);
        }
        Self { folder }
    }

    /// Runs a script of the repository with these variables and this input, and nothing else of ours.
    fn run(&self, script: &Path, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
        let mut child = Command::new(script)
            .args(arguments)
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", self.folder.path().join("bin").display()))
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A script that fails early reads none of it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn hook(&self, name: &str, variables: &[(&str, &str)]) -> Output {
        self.run(&root().join("scripts/hooks").join(name), &[], variables, "")
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default()
    }
}

fn executable(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A tenant where all is well.
const TENANT: [(&str, &str); 6] = [
    ("'account show --query tenantId'*", "echo tenant-a"),
    ("'account show --query id'*", "echo subscription-1"),
    ("'account show --subscription subscription-1'*", "echo tenant-a"),
    ("'account show --subscription subscription-b'*", "echo tenant-b"),
    ("'account show --subscription'*", "exit 1"),
    ("'provider list'*", "printf 'Microsoft.Web\\nmicrosoft.insights\\n'"),
];

fn tenant(principal: &'static str) -> Cloud {
    let answers: Vec<(&str, &str)> = TENANT.into_iter().chain([("'ad sp list'*", principal)]).collect();
    Cloud::new(&answers)
}

#[test]
fn preprovision_finds_the_principal_and_registers_what_is_missing() {
    let cloud = tenant("echo 11111111-2222-3333-4444-555555555555");
    let output = cloud.hook("preprovision.sh", &[("AZURE_ENV_NAME", "relay")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let calls = cloud.calls();
    assert!(calls.contains(&format!("az ad sp list --filter appId eq '{DEFENDER}'")), "{calls}");
    assert!(
        calls.contains("azd env set DEFENDER_PRINCIPAL_ID 11111111-2222-3333-4444-555555555555 --environment relay"),
        "{calls}"
    );
    assert!(calls.contains("az provider register --subscription subscription-1 --namespace Microsoft.Security --wait"));
    // Names of providers are compared without regard to case.
    assert!(
        !calls.contains("--namespace Microsoft.Web ") && !calls.contains("--namespace Microsoft.Insights "),
        "{calls}"
    );
}

#[test]
fn preprovision_tells_what_kind_of_principal_deploys() {
    // Who is signed in, what the environment says already, and what the hook writes into it.
    let cases = [
        ("servicePrincipal", None, Some("ServicePrincipal")),
        ("servicePrincipal", Some(("AZURE_PRINCIPAL_TYPE", "ServicePrincipal")), None),
        ("user", None, None),
        // The same environment, first in a pipeline and then at a desk.
        ("user", Some(("AZURE_PRINCIPAL_TYPE", "ServicePrincipal")), Some("User")),
        // Somebody else than who is signed in: his kind is not ours to know.
        ("servicePrincipal", Some(("AZURE_PRINCIPAL_ID", "group")), None),
    ];
    for (kind, given, told) in cases {
        let answer = format!("echo {kind}");
        let answers: Vec<(&str, &str)> =
            [("'account show --query user.type'*", answer.as_str())].into_iter().chain(TENANT).collect();
        let cloud = Cloud::new(&answers);
        let mut variables = vec![("DEFENDER_PRINCIPAL_ID", "given")];
        variables.extend(given);
        let output = cloud.hook("preprovision.sh", &variables);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let calls = cloud.calls();
        let written = calls.lines().find_map(|call| call.strip_prefix("azd env set AZURE_PRINCIPAL_TYPE "));
        assert_eq!(written, told, "{kind}: {calls}");
    }
}

#[test]
fn preprovision_lets_nobody_on_without_the_principal() {
    // What the directory answers, the subscription (the CLI's own, or one of another tenant), and the reason to stop.
    let cases = [
        // The CLI writes the null of an empty list in one of these ways.
        ("echo", "subscription-1", "has no service principal"),
        ("echo None", "subscription-1", "has no service principal"),
        ("exit 1", "subscription-1", "you may not read the directory of tenant tenant-a"),
        ("echo 1", "subscription-b", "works in tenant tenant-a, the subscription lies in tenant-b"),
        ("echo 1", "subscription-c", "does not see subscription subscription-c"),
    ];
    for (answer, subscription, reason) in cases {
        let cloud = tenant(answer);
        let output = cloud.hook("preprovision.sh", &[("AZURE_SUBSCRIPTION_ID", subscription)]);
        assert_eq!(output.status.code(), Some(1), "{answer}");
        assert!(text(&output.stderr).contains(reason), "{}", text(&output.stderr));
        assert!(!cloud.calls().contains("azd "), "{}", cloud.calls());
    }
    let output = Cloud::new(&[("'account show'*", "exit 1")]).hook("preprovision.sh", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("az login"));
}

#[test]
fn preprovision_asks_for_no_principal_that_nobody_needs() {
    for variables in [[("EXPORT_AUTH", "connectionString")], [("DEFENDER_PRINCIPAL_ID", "given")]] {
        let cloud = tenant("echo found");
        let output = cloud.hook("preprovision.sh", &variables);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(!cloud.calls().contains("ad sp"), "{}", cloud.calls());
    }
    // In a private network keys do not pass, so the template falls back on the principal, and so does the hook.
    let cloud = tenant("echo found");
    cloud.hook("preprovision.sh", &[("EXPORT_AUTH", "connectionString"), ("PRIVATE_NETWORK", "true")]);
    assert!(cloud.calls().contains("azd env set DEFENDER_PRINCIPAL_ID found"), "{}", cloud.calls());
    // For exports by policy only: said, and no fault.
    let output = tenant("echo").hook("preprovision.sh", &[("CONTINUOUS_EXPORT", "false")]);
    assert!(output.status.success());
    assert!(text(&output.stderr).contains("no role for Defender for Cloud on the hub"));
}

#[test]
fn postprovision_names_the_secrets_to_write() {
    let outputs = [
        ("AZURE_RESOURCE_GROUP", "rg-x"),
        ("FUNCTION_APP_NAME", "func-x"),
        ("STATUS_URL", "https://func-x.example/api/status"),
        ("KEY_VAULT_NAME", "kv-x"),
    ];
    let cloud = Cloud::new(&[]);
    let output = cloud.hook("postprovision.sh", &outputs);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("https://func-x.example/api/status"));
    assert!(!text(&output.stdout).contains("write-secret"));

    let with: Vec<(&str, &str)> =
        outputs.into_iter().chain([("KEY_VAULT_SECRET_NAMES", "splunk-token,snow-password")]).collect();
    let output = cloud.hook("postprovision.sh", &with);
    for line in [
        "scripts/write-secret kv-x splunk-token\n",
        "scripts/write-secret kv-x snow-password\n",
        "restart --resource-group rg-x",
    ] {
        assert!(text(&output.stdout).contains(line), "{}", text(&output.stdout));
    }
}

#[test]
fn predown_refuses_where_azd_would_delete_more_than_the_relay() {
    let own = "/subscriptions/s/resourceGroups/RG-relay/providers/Microsoft.Web/sites/x";
    let foreign = "/subscriptions/s/resourcegroups/production/providers/Microsoft.Compute/virtualMachines/vm";
    let subscription = "/subscriptions/s/providers/Microsoft.Insights/diagnosticSettings/x";
    let cases = [
        (format!("printf '{own}\\n{subscription}\\n'"), Some(0), "azd deletes the resource group rg-relay"),
        (format!("printf '{own}\\n{foreign}\\n'"), Some(1), "production\n"),
        ("exit 1".to_owned(), Some(1), "az login"),
    ];
    for (answer, code, reason) in cases {
        let cloud = Cloud::new(&[
            ("'deployment sub list'*", "printf 'relay-1\\nrelay-2\\n'"),
            ("'deployment sub show --name relay-1'*", "echo /subscriptions/s/resourceGroups/rg-relay"),
            ("'deployment sub show --name relay-2'*", &answer),
        ]);
        let output = cloud.hook("predown.sh", &[("AZURE_ENV_NAME", "relay"), ("AZURE_RESOURCE_GROUP", "rg-relay")]);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), code, "{said}");
        assert!(said.contains(reason), "{said}");
        assert!(cloud.calls().contains("azd-env-name\"=='relay'"), "{}", cloud.calls());
    }
}

#[test]
fn predown_refuses_where_nobody_knows() {
    let variables = [("AZURE_ENV_NAME", "relay"), ("AZURE_RESOURCE_GROUP", "rg-relay")];
    for answers in [[("'deployment sub list'*", "echo")], [("'deployment sub list'*", "echo relay-1")]] {
        let output = Cloud::new(&answers).hook("predown.sh", &variables);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("do not say which"), "{}", text(&output.stderr));
    }
}

#[test]
fn prepackage_takes_a_release_only_as_its_checksum_says() {
    let cloud = Cloud::new(&[]);
    let place = cloud.folder.path();
    let hook = place.join("scripts/hooks/prepackage.sh");
    executable(&hook, &fs::read_to_string(root().join("scripts/hooks/prepackage.sh")).unwrap());
    let zip = place.join("relay.zip");
    fs::write(&zip, b"released").unwrap();
    let sum = place.join("relay.zip.sha256");
    let run = || cloud.run(&hook, &[], &[("RELAY_PACKAGE", zip.to_str().unwrap())], "");

    let output = run();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("relay.zip.sha256 is missing"));

    fs::write(&sum, format!("{}  relay.zip\n", "0".repeat(64))).unwrap();
    let output = run();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("is not what"));
    assert!(!place.join("dist.zip").exists());

    fs::write(&sum, format!("{}  relay.zip\n", sha256(b"released"))).unwrap();
    let output = run();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(fs::read(place.join("dist.zip")).unwrap(), b"released");

    // Without a release it builds.
    executable(&place.join("scripts/package"), "#!/bin/sh\necho \"package $*\"\n");
    executable(&place.join("bin/cargo"), "#!/bin/sh\n");
    let output = cloud.run(&hook, &[], &[], "");
    assert_eq!(text(&output.stdout), "package --zip\n");
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_secret_is_never_on_a_command_line() {
    let kept = "while [ \"$1\" != --file ]; do shift; done; cp \"$2\" \"$0.kept\"";
    let cloud = Cloud::new(&[("'keyvault secret set'*", kept)]);
    let script = root().join("scripts/write-secret");
    let output = cloud.run(&script, &["kv-x", "splunk-token"], &[], "s3cr3t & $x\nsecond line\n");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let calls = cloud.calls();
    assert!(calls.contains("--vault-name kv-x --name splunk-token --file "), "{calls}");
    let said = format!("{calls}{}{}", text(&output.stdout), text(&output.stderr));
    assert!(!said.contains("s3cr3t"), "{said}");
    // The first line, without its end.
    assert_eq!(fs::read(cloud.folder.path().join("bin/az.kept")).unwrap(), b"s3cr3t & $x");
    let file = calls.split("--file ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(!Path::new(file).exists(), "{file} is left behind");

    let output = cloud.run(&script, &["kv-x", "splunk-token"], &[], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no value"));
}

#[test]
fn the_right_on_microsoft_graph_is_given_once() {
    let given = [
        ("'cloud show'*", "echo https://graph.microsoft.us/"),
        ("'ad sp show'*appRoles*", "echo role-1"),
        ("'ad sp show'*", "echo graph-1"),
        ("'rest --method get'*", "echo ${HAS-}"),
        ("'rest --method post'*", "echo assignment-1"),
    ];
    let script = root().join("scripts/grant-graph");
    let identity = "00000000-1111-2222-3333-444444444444";

    let cloud = Cloud::new(&given);
    let output = cloud.run(&script, &[identity], &[], "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(cloud.calls().contains("value=='SecurityAlert.Read.All'"));
    let body = format!(r#"{{"principalId": "{identity}", "resourceId": "graph-1", "appRoleId": "role-1"}}"#);
    assert!(cloud.calls().contains(&body), "{}", cloud.calls());
    // In the cloud that the CLI is signed in to, and with the way back.
    let back = format!(
        "az rest --method delete --url https://graph.microsoft.us/v1.0/servicePrincipals/{identity}/appRoleAssignments/assignment-1"
    );
    assert!(text(&output.stdout).contains(&back), "{}", text(&output.stdout));

    let cloud = Cloud::new(&given);
    let output = cloud.run(&script, &[identity], &[("HAS", "assignment-0")], "");
    assert!(output.status.success());
    assert!(!cloud.calls().contains("--method post"), "{}", cloud.calls());

    let output = Cloud::new(&given).run(&script, &["a; b"], &[], "");
    assert_eq!(output.status.code(), Some(1));
}
