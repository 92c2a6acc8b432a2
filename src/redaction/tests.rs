//! What is left of records of every shape.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::settings::Values;

/// Reads the two settings: what they take out, or the faults.
fn read(drop: &str, redact: &str) -> Result<Option<Redaction>, String> {
    let settings = [("X__DROP_FIELDS", drop), ("X__REDACT", redact)];
    let values = Values::new(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let section = Section::new("x", vec![REDACTION_SETTINGS], &values);
    let redaction = Redaction::from_section(&section);
    section.finish(redaction).map_err(|error| error.to_string())
}

fn dropped(fields: &str, record: &str) -> String {
    read(fields, "").unwrap().unwrap().text(record).into_owned()
}

fn redacted(fields: &str, record: &str) -> String {
    read("", fields).unwrap().unwrap().text(record).into_owned()
}

#[test]
fn a_member_goes_with_its_comma() {
    for (fields, record, left) in [
        ("a", r#"{"a":1,"b":2,"c":3}"#, r#"{"b":2,"c":3}"#),
        ("B", r#"{"a":1 , "b":2 , "c":3}"#, r#"{"a":1 , "c":3}"#),
        ("c", r#"{"a":1,"b":2, "C": {"x":[1]} }"#, r#"{"a":1,"b":2 }"#),
        ("a,b", r#"{"a":1, "b":2,"c":3}"#, r#"{"c":3}"#),
        ("a,c", r#"{"a":1,"b":2,"c":3}"#, r#"{"b":2}"#),
        ("b,c", r#"{"a":1,"b":2,"c":3}"#, r#"{"a":1}"#),
        ("a,b,c", r#"{ "a":1,"b":2 ,"c":3 }"#, r#"{  }"#),
        ("a", r#"{"A":1,"b":2,"\u0061":3,"b":4}"#, r#"{"b":2,"b":4}"#),
        ("l.*", r#"{"l":[1,{"x":[]},"y"]}"#, r#"{"l":[]}"#),
        ("l.*.x", r#"{"l":[{"x":1,"y":2},7,{"x":1},[{"x":1}]]}"#, r#"{"l":[{"y":2},7,{},[{}]]}"#),
        ("l.x", r#"{"l":[{"x":1,"y":2},7,"{\"x\":1}",[{"x":1}]]}"#, r#"{"l":[{"y":2},7,"{}",[{"x":1}]]}"#),
        ("nosuch, a.b.c, a.*", r#"{"a":1,"b":[true,null]}"#, r#"{"a":1,"b":[true,null]}"#),
        (r#""a.b"."c,d", \@odata\.type"#, r#"{"a.b":{"c,d":1,"e":2},"@odata.type":"t"}"#, r#"{"a.b":{"e":2}}"#),
        ("a.*.b", r#"{"a":{"x":{"b":1},"y":{"B":{"b":1},"c":"\ud83d"}}}"#, r#"{"a":{"x":{},"y":{"c":"\ud83d"}}}"#),
    ] {
        assert_eq!(dropped(fields, record), left, "{fields}");
    }
}

#[test]
fn a_masked_value_keeps_its_name_whatever_it_was() {
    let record = r#"{"a":"x","b":-1.5e3,"c":[1,{}],"d":{"e":null},"f":null,"g":true}"#;
    let masked =
        r#"{"a":"[redacted]","b":"[redacted]","c":"[redacted]","d":{"e":"[redacted]"},"f":"[redacted]","g":true}"#;
    assert_eq!(redacted("a,b,c,d.e,f", record), masked);
    let both = read("a", "a, b").unwrap().unwrap();
    assert_eq!(both.text(r#"{"a":1,"b":2}"#), r#"{"b":"[redacted]"}"#, "who is dropped is not masked");
}

#[test]
fn one_path_finds_a_field_in_every_shape() {
    let fields = "Entities.*.Address, ExtendedProperties.User Name, Description";
    let flat = r#"{"Description":"d","Entities":[{"Type":"ip","Address":"1.2.3.4"}],"ExtendedProperties":{"User Name":"u","n":1}}"#;
    assert_eq!(dropped(fields, flat), r#"{"Entities":[{"Type":"ip"}],"ExtendedProperties":{"n":1}}"#);
    let arm = r#"{"name":"n","properties":{"description":"d","entities":[{"address":"1.2.3.4"}],"extendedProperties":{"user name":"u"}}}"#;
    let left = r#"{"name":"n","properties":{"entities":[{}],"extendedProperties":{}}}"#;
    assert_eq!(dropped(fields, arm), left);
    let row = r#"{"Entities":"[{\"Type\":\"ip\",\"Address\":\"1.2.3.4\"},\r\n {\"$ref\":\"1\"}]","ExtendedProperties":"{\"User Name\":\"u\\n\"}"}"#;
    let left = r#"{"Entities":"[{\"Type\":\"ip\"},\r\n {\"$ref\":\"1\"}]","ExtendedProperties":"{}"}"#;
    assert_eq!(dropped(fields, row), left);
    let graph = r##"{"@odata.type":"#microsoft.graph.security.alert","evidence":[{"ipAddress":"1.2.3.4","x":1}]}"##;
    assert_eq!(
        dropped("evidence.*.ipaddress", graph),
        r##"{"@odata.type":"#microsoft.graph.security.alert","evidence":[{"x":1}]}"##
    );
}

#[test]
fn properties_is_left_out_or_meant() {
    let record = r#"{"name":"a","properties":{"name":"b","properties":{"name":"c"}}}"#;
    assert_eq!(dropped("name", record), r#"{"properties":{"properties":{"name":"c"}}}"#);
    assert_eq!(dropped("Properties.Name", record), r#"{"name":"a","properties":{"properties":{}}}"#);
    assert_eq!(dropped("properties", record), r#"{"name":"a"}"#);
    let inside = r#"{"name":"a","properties":"{\"name\":\"b\",\"x\":1}"}"#;
    assert_eq!(dropped("name", inside), r#"{"properties":"{\"x\":1}"}"#);
}

#[test]
fn json_inside_strings_is_edited_where_it_stands() {
    // The escapes of what stays are not written anew: \/, \u0041, a lone surrogate, white space.
    let record = r#"{"a":"{\"b\":\"\u0041\/\ud83d\\ud83d\" , \"c\":{\"d\":\"x\"}}","e":1}"#;
    assert_eq!(
        redacted("a.c.d", record),
        r#"{"a":"{\"b\":\"\u0041\/\ud83d\\ud83d\" , \"c\":{\"d\":\"[redacted]\"}}","e":1}"#
    );
    let twice = json!({"a": json!({"b": json!([{"c": "é\"x"}]).to_string()}).to_string()}).to_string();
    let masked = redacted("a.b.*.c", &twice);
    let opened: Value = serde_json::from_str(&masked).unwrap();
    let opened: Value = serde_json::from_str(opened["a"].as_str().unwrap()).unwrap();
    assert_eq!(opened["b"], r#"[{"c":"[redacted]"}]"#);
    let quoted = json!({"a": json!(json!({"c": 1, "d": 2}).to_string()).to_string()}).to_string();
    assert!(!dropped("a.c", &quoted).contains('c') && dropped("a.c", &quoted).contains('d'));
}

#[test]
fn what_cannot_be_looked_into_is_masked_as_a_whole() {
    let record = r#"{"Entities":"[{\"Address\":\"1.2.3.4\"},{\"Addr","Title":"[SAMPLE ALERT] {x}","b":"{\"c"}"#;
    let left = r#"{"Entities":"[redacted]","Title":"[SAMPLE ALERT] {x}","b":"{\"c"}"#;
    assert_eq!(dropped("Entities.*.Address, Title.x", record), left);
}

#[test]
fn the_deepest_value_is_reached() {
    let nest = |inner: &str, depth: usize| format!("{}{inner}{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let path = ["a"; 128].join(".");
    assert_eq!(dropped(&path, &nest("1", 128)), format!("{}{{}}{}", r#"{"a":"#.repeat(127), "}".repeat(127)));
    assert_eq!(dropped(&path, &nest("1", 127)), nest("1", 127));
    // Brackets without end are no record, and yet must not end the process.
    let hostile = format!(r#"{{"a":{}"#, "[".repeat(1 << 20));
    assert!(dropped(&["*"; 128].join("."), &hostile).len() < 256);
    let mut quoted = String::from("{}");
    (0..16).for_each(|_| quoted = serde_json::to_string(&quoted).unwrap());
    dropped("a.b", &format!(r#"{{"a":{quoted}}}"#));
}

#[test]
fn built_ins_reach_every_string() {
    let record = r#"{"a":"https://x/?sig=s","b":["{\"c\":\"https://y/?page=1\"}"],"d":"?sv=1&sig=s"}"#;
    let sas = r#"{"a":"https://x/?redacted","b":["{\"c\":\"https://y/?page=1\"}"],"d":"?sv=1&sig=redacted"}"#;
    assert_eq!(redacted("@SAS", record), sas);
    let all = r#"{"a":"https://x/?redacted","b":["{\"c\":\"https://y/?redacted\"}"],"d":"?sv=1&sig=redacted"}"#;
    assert_eq!(redacted("@sas, @queries", record), all);
    assert_eq!(redacted("@queries, a", record), all.replace("https://x/?redacted", "[redacted]"));
}

#[test]
fn faults_name_the_entry_and_never_show_it() {
    for (drop, redact, faults) in [
        ("a, Hunter2..x", "Hunter2*", &["X__DROP_FIELDS: entry 2", "X__REDACT: entry 1"][..]),
        ("@sas, @Hunter2, *", "a, @Hunter2", &["entry 1", "entry 2", "entry 3", "X__REDACT: entry 2"]),
        (", ,", "", &["X__DROP_FIELDS: names no field"]),
        ("a", "\"Hunter2, b", &["X__REDACT: entry 1"]),
    ] {
        let message = read(drop, redact).unwrap_err();
        assert!(faults.iter().all(|fault| message.contains(fault)), "{message}");
        assert!(!message.contains("Hunter2"), "{message}");
    }
    assert!(read("", "").unwrap().is_none());
}

/// JSON with few names, so that paths meet something, some of it as text in strings.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        "[\"\\\\a{}\\[\\],:é😀 \n]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let object = proptest::collection::vec(("a|b|c|A|a.b|é\"", inner.clone()), 0..5)
            .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()));
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object.clone(),
            object.prop_map(|inner| Value::from(inner.to_string())),
            inner.prop_map(|inner| Value::from(json!([inner]).to_string())),
        ]
    })
}

/// What dropping should leave, told by way of a tree; bags in strings are written anew.
fn pruned(value: &Value, trails: &[&[Step]]) -> Value {
    let onward = |name: Option<&str>| {
        let taken: Vec<&[Step]> = trails.iter().filter(|steps| steps[0].takes(name)).map(|steps| &steps[1..]).collect();
        (taken.iter().any(|steps| steps.is_empty()), taken)
    };
    match value {
        _ if trails.is_empty() => value.clone(),
        Value::Object(members) => {
            let left = members.iter().filter_map(|(name, value)| {
                let (gone, onward) = onward(Some(name));
                (!gone).then(|| (name.clone(), pruned(value, &onward)))
            });
            Value::Object(left.collect())
        }
        Value::Array(items) => {
            let (gone, onward) = onward(None);
            let named = trails.iter().filter(|steps| matches!(steps[0], Step::Named(_)));
            let into: Vec<&[Step]> = onward.iter().chain(named).copied().collect();
            let left = items.iter().map(|item| pruned(item, if item.is_array() { &onward } else { &into }));
            Value::Array(if gone { vec![] } else { left.collect() })
        }
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner) if !matches!(inner, Value::Null | Value::Bool(_) | Value::Number(_)) => {
                let left = pruned(&inner, trails);
                if left == inner { value.clone() } else { left.to_string().into() }
            }
            Err(_) if matches!(nested::Nested::of(&json!(text).to_string()), nested::Nested::Broken) => {
                "[redacted]".into()
            }
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

/// The tree with every bag in a string opened, so that the bytes of bags do not matter.
fn opened(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(members.iter().map(|(k, v)| (k.clone(), opened(v))).collect()),
        Value::Array(items) => items.iter().map(opened).collect(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_) | Value::String(_))) => json!({ "opened": opened(&inner) }),
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

proptest! {
    #[test]
    fn rewriting_is_what_pruning_a_tree_would_be(
        members in proptest::collection::vec(("a|b|c|A|a.b", tree()), 0..5),
        paths in proptest::collection::vec(proptest::collection::vec("a|b|C|\\*|\"a.b\"", 1..4), 1..4),
    ) {
        let paths: Vec<String> = paths.iter().map(|steps| steps.join(".")).filter(|path| path != "*").collect();
        let Ok(Some(redaction)) = read(&paths.join(","), "") else { return Ok(()) };
        let trails: Vec<&[Step]> = redaction.rules.iter().map(|(steps, _)| &steps[..]).collect();
        let record = Value::Object(members.into_iter().collect::<Map<_, _>>());
        for text in [record.to_string(), serde_json::to_string_pretty(&record).unwrap()] {
            let left: Value = serde_json::from_str(&redaction.text(&text)).unwrap();
            prop_assert_eq!(opened(&left), opened(&pruned(&record, &trails)));
        }
    }

    #[test]
    fn members_that_no_path_leads_to_keep_their_bytes(secret in tree(), kept in tree(), bag in tree()) {
        let kept = [serde_json::to_string_pretty(&kept).unwrap(), r#""\u0041\/\ud83d\uDE00\udead""#.to_owned(), "1.0E+2".into()];
        let [a, b, c] = &kept;
        let record = format!(r#"{{ "x" :{a},"drop":{secret},"y": {b} ,"bag":{{"drop":{bag},"z":{c}}},"Drop":1}}"#);
        let left = format!(r#"{{ "x" :{a},"y": {b} ,"bag":{{"z":{c}}}}}"#);
        prop_assert_eq!(dropped("drop, bag.drop", &record), left);
    }

    #[test]
    fn no_text_makes_it_panic(record in "[\"\\\\a{}\\[\\],: éud8]{0,32}", paths in "[a*.,\"\\\\@sd]{0,12}") {
        if let Ok(Some(redaction)) = read(&paths, "@sas") {
            let _ = redaction.text(&record);
            let _ = redaction.text(&format!(r#"{{"a":{record}"#));
        }
    }
}
