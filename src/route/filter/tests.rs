use proptest::prelude::*;

use super::*;

const ALERT: &str = r#"{"SystemAlertId":"2517","AlertType":"VM_SuspiciousLogin","AlertDisplayName":"Odd login","Severity":"High",
    "Status":"Active","Intent":"InitialAccess,Persistence","Techniques":["T1078.004"],"ProductName":"Microsoft Defender for Cloud",
    "AzureResourceId":"/subscriptions/S-1/resourceGroups/RG-Prod/providers/Microsoft.Compute/virtualMachines/vm1",
    "ExtendedProperties":{"count":7,"user name":"root"},"list":["a","b"]}"#;
const RECOMMENDATION: &str = r#"{"id":"/subscriptions/S-2/providers/Microsoft.Security/assessments/k","type":"Microsoft.Security/assessments",
    "tags":{"env":"Prod"},"properties":{"displayName":"Close ports","status":{"code":"Unhealthy"},"metadata":{"severity":"Low"}},
    "securityEventDataEnrichment":{"action":"Write","isSnapshot":true}}"#;
const LOG: &str = r#"{"time":"2024-01-01T00:00:00Z","category":"AuditLogs","operationName":"Add user","resultType":"Success","level":4,
    "resourceId":"/tenants/t/providers/Microsoft.aadiam"}"#;

/// What a sound expression says of a record.
fn on(record: &str, source: &str) -> Result<bool, Unfiltered> {
    let filter = Filter::compile(source).unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(record.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
    filter.admits(&Subject::new(&decoded.events[0]))
}

fn problems(source: &str) -> Vec<String> {
    Filter::compile(source).err().unwrap_or_default()
}

#[test]
fn every_variable_has_its_value() {
    for truth in [
        "kind == 'alert' && severity == 'high' && severity_level == 4 && status == 'new'",
        "title == 'Odd login' && alert_type == 'vm_suspiciouslogin'",
        "subscription == 's-1' && resource_group == 'rg-prod'",
        "resource_type == 'microsoft.compute/virtualmachines' && resource.endsWith('/vm1')",
        "tactics == ['Initial Access', 'Persistence'] && techniques == ['T1078.004']",
        "!sample && !snapshot && action == '' && category == '' && operation == '' && size(tags) == 0",
        "record.ExtendedProperties.count == 7 && record['ExtendedProperties']['user name'] == 'root'",
        "record.list.exists(item, item == 'b') && 'a' in record.list && !has(record.other)",
        "record.?ExtendedProperties.?none.orValue('x') == 'x'",
        "record.?ExtendedProperties[?'user name'].orValue('') == 'root'",
        "record[?'list'][?1].orValue('') == 'b' && !record.?list[?9].hasValue()",
        "record.ExtendedProperties.count > 6.5",
    ] {
        assert_eq!(on(ALERT, truth), Ok(true), "{truth}");
    }
    for truth in [
        "kind == 'recommendation' && snapshot && action == 'write' && status == 'Unhealthy'",
        "tags.env == 'Prod' && 'env' in tags && !('other' in tags) && tags[?'other'].orValue('-') == '-'",
        "subscription == 'S-2' && severity == 'low' && title.contains('ports')",
    ] {
        assert_eq!(on(RECOMMENDATION, truth), Ok(true), "{truth}");
    }
    let truth = "kind == 'entra_log' && category == 'AuditLogs' && operation == 'Add User' && status == 'Success'";
    assert_eq!(on(LOG, truth), Ok(true));
    // Each of the declared variables is one.
    for (name, _) in VARIABLES {
        assert_eq!(on(ALERT, &format!("{name} == {name}")), Ok(true), "{name}");
    }
}

#[test]
fn the_case_of_azures_names_does_not_matter() {
    for truth in [
        "severity == 'High'",
        "'HIGH' == severity",
        "severity in ['Critical', 'High']",
        "status == 'New' && status == 'Active' && status != 'Dismissed'",
        "kind == 'Alerts'",
        "'initial_access' in tactics && tactics.exists(tactic, tactic == 'PERSISTENCE')",
        "'t1078.004' in techniques && techniques.exists(id, id.startsWith('t1078'))",
        "resource_group == 'RG-PROD' && resource_group.startsWith('RG-')",
        "resource_type in ['Microsoft.Compute/virtualMachines', 'Microsoft.Sql/servers']",
        "resource.contains('/virtualMachines/')",
        "alert_type.startsWith('VM_')",
        "title.lowerAscii().contains('LOGIN')",
        "!(title == 'odd login')",
    ] {
        assert_eq!(on(ALERT, truth), Ok(true), "{truth}");
    }
}

#[test]
fn mistakes_are_found_before_there_is_an_event() {
    for (source, expected) in [
        ("severty == 'high'", "at character 1: unknown variable"),
        ("kind == 'alert' && sevrity == 'high'", "at character 20: unknown variable"),
        ("kind == 'alert' &&\n  sevrity == 'high'", "at line 2, character 3: unknown variable"),
        ("severity", "must yield true or false, not a text"),
        ("severity_level", "must yield true or false, not a number"),
        ("record", "must yield true or false, not a map"),
        ("severity_level >= 'high'", "at character 16: compares a number with a text"),
        ("severity >= 'high'", "severities as texts have no order"),
        ("severity == 4", "at character 10: compares a text with a number"),
        ("title == severity_level", "compares a text with a number"),
        ("severity == 'urgent'", "at character 13: no severity; known: unknown, informational"),
        ("severity in ['high', 'urgent']", "at character 22: no severity"),
        ("kind == 'allert'", "no record kind; known: alert, recommendation"),
        ("'Nonsense' in tactics", "no tactic of MITRE ATT&CK"),
        ("4 in tactics", "looks for a number in a list of a text"),
        ("'a' in title", "which is no list"),
        ("title.matches('a')", "unknown function; known: size, startsWith"),
        ("title.startsWith(1)", "wants a text, not a number"),
        ("title.startsWith()", "a function with arguments that it does not take"),
        ("severity_level.startsWith('1')", "wants a text, not a number"),
        ("nosuch(title)", "unknown function"),
        ("title.size() > 'a'", "compares a number with a text"),
        ("sample == 'true'", "compares true or false with a text"),
        ("!title", "wants true or false, not a text"),
        ("title && sample", "wants true or false, not a text"),
        ("title.foo == 'x'", "a text has no members"),
        ("title + 1 == 'x'", "wants a number, not a text"),
        ("tags.env == 4", "compares a text with a number"),
        ("title.all(x, x == 'a')", "a text is no list to walk over"),
        ("sample ? 'a' : 'b'", "must yield true or false, not a text"),
        ("severity_level + 1.5 > 2.0", "mixes types"),
        ("severity_level / 0 == 1", "divides by zero"),
        ("Thing{a: 1} == Thing{a: 1}", "not part of the language"),
        ("kind ==", "syntax error at character"),
        ("kind == 'alert", "syntax error at character 9"),
        ("kind = 'alert'", "syntax error at character 6"),
        ("kind == 'alert' and sample", "syntax error at character 17"),
        ("sample &&\n)", "syntax error at line 2, character 1"),
        ("has(title)", "syntax error at character"),
        ("tactics.all(a, tactics.all(b, tactics.all(c, a == b && b == c)))", "more than 2 walks"),
    ] {
        let found = problems(source);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{source}: {found:?}, not {expected}");
    }
}

#[test]
fn no_problem_quotes_the_expression() {
    for source in [
        "Hunter2 value",
        "'Hunter2",
        "hunter2 == 'Hunter2'",
        "severity == 'Hunter2'",
        "hunter2(1)",
        "record.hunter2 &&",
    ] {
        let found = problems(source);
        assert!(!found.is_empty() && !format!("{found:?}").to_lowercase().contains("hunter2"), "{found:?}");
    }
}

#[test]
fn what_cannot_be_evaluated_says_why_and_nothing_more() {
    for (source, expected) in [
        ("record.nosuch == 'x'", Unfiltered::Missing),
        ("record.list[9] == 'x'", Unfiltered::Missing),
        ("tags.env == 'x'", Unfiltered::Missing),
        ("record.?nosuch.value() == 'x'", Unfiltered::Missing),
        ("record.list > 3", Unfiltered::Mismatch),
        ("record.list", Unfiltered::Mismatch),
        ("record.Severity.startsWith(record.list)", Unfiltered::Mismatch),
        ("record.ExtendedProperties.count / (record.ExtendedProperties.count - 7) > 0", Unfiltered::Arithmetic),
    ] {
        // A record's members are anything; `record.list` alone might be true.
        assert_eq!(on(ALERT, source), Err(expected), "{source}");
    }
    // What is settled without the failing part is settled.
    assert_eq!(on(ALERT, "severity == 'high' || record.nosuch == 'x'"), Ok(true));
    assert_eq!(on(ALERT, "record.nosuch == 'x' && severity == 'low'"), Ok(false));
}

#[test]
fn long_and_deep_expressions_are_read_or_refused() {
    let many = (0..100).map(|number| format!("alert_type == 'type{number}'")).collect::<Vec<_>>().join(" || ");
    assert_eq!(on(ALERT, &many), Ok(false));
    let listed = (0..200).map(|number| format!("'type{number}'")).collect::<Vec<_>>().join(",");
    assert_eq!(on(ALERT, &format!("alert_type in [{listed}]")), Ok(false));
    assert_eq!(problems(&"a".repeat(LONGEST + 1)), [format!("is longer than {LONGEST} characters")]);
    for deep in [
        format!("{}sample{}", "(".repeat(2000), ")".repeat(2000)),
        format!("{}1 == 1", "-(".repeat(1500)),
        "1+".repeat(2000) + "1 == 1",
        format!("record{} == 1", ".a".repeat(2000)),
        format!("record{} == 1", "[0]".repeat(1200)),
        format!("{}1{} == 1", "[".repeat(1500), "]".repeat(1500)),
        "sample ? sample : ".repeat(220) + "sample",
        "{1:".repeat(1300),
        "(".repeat(4096),
        "\u{0}\u{fffd}🦀".repeat(1000),
    ] {
        assert!(!problems(&deep).is_empty(), "{deep}");
    }
    // Signs in a row are one or none.
    assert_eq!(on(ALERT, &format!("{}sample", "!".repeat(3001))), Ok(true));
}

#[test]
fn the_deepest_expression_fits_a_small_stack() {
    let source = "record".to_owned() + &".?a".repeat(check::DEEPEST - 6) + ".orValue(true) == true";
    let filter = Filter::compile(&source).unwrap();
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    let evaluated = thread.spawn(move || {
        let (texts, mut decoded) = (Texts::default(), Decoded::default());
        decode(ALERT.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
        filter.admits(&Subject::new(&decoded.events[0]))
    });
    assert_eq!(evaluated.unwrap().join().unwrap(), Ok(true));
}

/// Expressions of every operator, some of which are sound.
fn expressions() -> impl Strategy<Value = String> {
    let variable = prop::sample::select(VARIABLES.map(|(name, _)| name.to_owned()).to_vec());
    let literal = prop::sample::select(vec![
        "'high'", "'x'", "0", "4", "1.5", "true", "null", "[]", "['a']", "{'a': 1}", "b'x'", "2u",
    ]);
    let member =
        prop::sample::select(vec!["record.a", "record.?a", "tags.env", "record['Severity']", "record.list[0]"]);
    let leaf = prop_oneof![3 => variable, 2 => literal.prop_map(str::to_owned), 2 => member.prop_map(str::to_owned)];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let binary =
            prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", "&&", "||", "in", "+", "-", "*", "/", "%"]);
        let method =
            prop::sample::select(vec!["startsWith", "contains", "orValue", "all", "matches", "join", "replace"]);
        prop_oneof![
            4 => (inner.clone(), binary, inner.clone()).prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            1 => inner.clone().prop_map(|a| format!("!{a}")),
            1 => inner.clone().prop_map(|a| format!("-{a}")),
            1 => inner.clone().prop_map(|a| format!("size({a})")),
            1 => inner.clone().prop_map(|a| format!("{a}.exists(v, v == 'a')")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}.map(v, {b})")),
            1 => (inner.clone(), method, inner.clone()).prop_map(|(a, method, b)| format!("{a}.{method}({b})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
}

/// Records of any shape, with members that expressions ask for among them.
fn records() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "a",
        "list",
        "Severity",
        "tags",
        "env",
        "properties",
        "status",
        "type",
        "category",
        "time",
        "isSnapshot",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    let value = leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::hash_map(key.clone(), inner, 0..4).prop_map(|members| members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    });
    prop::collection::hash_map(
        prop::sample::select(vec!["a", "list", "Severity", "tags", "properties", "type", "category"]),
        value,
        0..5,
    )
    .prop_map(|members| serde_json::json!(members).to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_expression_and_no_record_breaks_the_program(source in expressions(), noise in "[ -~]{0,40}", any in records()) {
        for source in [&source, &noise] {
            let Ok(filter) = Filter::compile(source) else { continue };
            for record in [ALERT, RECOMMENDATION, LOG, "{}", &any] {
                let (texts, mut decoded) = (Texts::default(), Decoded::default());
                decode(record.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
                for event in &decoded.events {
                    let found = filter.admits(&Subject::new(event));
                    prop_assert!(found != Err(Unfiltered::Broken), "{source} on {record}");
                }
            }
        }
    }
}
