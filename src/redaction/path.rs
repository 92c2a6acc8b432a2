//! The paths of `DROP_FIELDS` and `REDACT`: `Entities.*.Address, "a.b".c\,d, @sas`.

/// Most keys of a path: nothing in a record lies deeper.
const MAX_STEPS: usize = 128;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `*`: any member, any element of a list.
    Any,
    /// The members of that name, in any case of the letters A to Z.
    Named(String),
}

impl Step {
    /// Whether the step leads to that member; to an element of a list where there is no name.
    pub(super) fn takes(&self, name: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Named(own) => name.is_some_and(|name| name.eq_ignore_ascii_case(own)),
        }
    }
}

/// One entry of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A path from the record's top, or from its `properties`; never empty.
    Path(Vec<Step>),
    /// The name behind an `@`.
    BuiltIn(String),
}

/// The entries between the commas, in order, blank ones left out; each, or what is wrong with it.
pub(super) fn entries(text: &str) -> Vec<Result<Entry, &'static str>> {
    split(text, ',').into_iter().map(str::trim).filter(|entry| !entry.is_empty()).map(entry).collect()
}

fn entry(text: &str) -> Result<Entry, &'static str> {
    if let Some(name) = text.strip_prefix('@') {
        return Ok(Entry::BuiltIn(name.to_owned()));
    }
    if text == "$" || text.starts_with(['/', '.']) || text.starts_with("$.") {
        return Err(
            "begins with a sign of another notation; keys are told from the record's top, with dots between them",
        );
    }
    let steps: Vec<Step> = split(text, '.').into_iter().map(step).collect::<Result<_, _>>()?;
    match steps.as_slice() {
        [Step::Any] => Err("would leave nothing of the record; name what shall go"),
        steps if steps.len() > MAX_STEPS => Err("is a path of more than 128 keys, deeper than any record"),
        _ => Ok(Entry::Path(steps)),
    }
}

/// The pieces between separators that are neither quoted nor escaped.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let (mut escaped, mut quoted) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                pieces.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

fn step(text: &str) -> Result<Step, &'static str> {
    let text = text.trim();
    if text == "*" {
        return Ok(Step::Any);
    }
    let (quoted, mut rest) = text.strip_prefix('"').map_or((false, text.chars()), |inner| (true, inner.chars()));
    let mut key = String::new();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some(c @ ('.' | ',' | '*' | '@' | '"' | '\\')) => key.push(c),
                _ => return Err("has a backslash that stands before none of . , * @ \" \\"),
            },
            '"' if !quoted => return Err("has a quote within a key; quote the whole key, or write \\\""),
            '"' if rest.as_str().is_empty() => return Ok(Step::Named(key)),
            '"' => return Err("goes on behind the quote that ends a key"),
            '*' if !quoted => return Err("has a * within a key; it stands for a whole key, else write \\*"),
            '[' | ']' if !quoted => {
                return Err(
                    "has a bracket within a key; a list's elements need no sign or a key *, else quote the key",
                );
            }
            c => key.push(c),
        }
    }
    match (quoted, key.is_empty()) {
        (true, _) => Err("has a quote that does not end"),
        (false, true) => Err("has nothing between two dots, or at an end"),
        (false, false) if key.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err("has a number for a key; elements of a list have no names, * is any of them, else quote the key")
        }
        (false, false) => Ok(Step::Named(key)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(keys: &[&str]) -> Result<Entry, &'static str> {
        let step = |key: &&str| if *key == "*" { Step::Any } else { Step::Named((*key).trim_matches('\'').to_owned()) };
        Ok(Entry::Path(keys.iter().map(step).collect()))
    }

    #[test]
    fn paths_are_keys_between_dots() {
        let text = r#" ExtendedProperties.User Name ,, Entities.*.Address,a\.b.c\,d, "x.y, z"."\"q\"" . e,"*".\*.\@odata,"@odata\.type",@SAS,"#;
        let expected = [
            path(&["ExtendedProperties", "User Name"]),
            path(&["Entities", "*", "Address"]),
            path(&["a.b", "c,d"]),
            path(&["x.y, z", "\"q\"", "e"]),
            path(&["'*'", "'*'", "@odata"]),
            path(&["@odata.type"]),
            Ok(Entry::BuiltIn("SAS".to_owned())),
        ];
        assert_eq!(entries(text), expected);
        assert_eq!(entries(" , ,"), []);
    }

    #[test]
    fn malformed_ones_are_told_apart() {
        let faults: Vec<&str> = [
            ".", "a..b", "a.", ".a", "*", "a*", "**", "a.*b", "\"a", "a\"b\"", "\"a\"b", "a\\", "a\\n", "\"a\\",
            "a.\"", "a[*].b", "a[0]", "a.0", "$.a", "/a/b",
        ]
        .iter()
        .map(|text| entries(text).remove(0).expect_err(text))
        .collect();
        let distinct: std::collections::BTreeSet<&str> = faults.iter().copied().collect();
        assert_eq!(distinct.len(), 10, "{faults:?}");
        assert!(entries(&["a"; 129].join("."))[0].is_err());
        assert!(entries(&["a"; 128].join("."))[0].is_ok());
    }

    #[test]
    fn a_fault_costs_its_neighbours_nothing() {
        let found: Vec<bool> = entries("a, b..c, d*, e").iter().map(Result::is_ok).collect();
        assert_eq!(found, [true, false, false, true]);
    }

    proptest! {
        #[test]
        fn any_key_can_be_quoted_and_escaped(keys in proptest::collection::vec("[a-z.,*@\"\\\\é ]{1,6}", 1..4)) {
            let quoted: Vec<String> =
                keys.iter().map(|key| format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))).collect();
            let expected = Entry::Path(keys.into_iter().map(Step::Named).collect());
            prop_assert_eq!(entries(&quoted.join(".")), [Ok(expected)]);
        }

        #[test]
        fn nothing_panics(text in "[a.,*@\"\\\\ é]{0,24}") {
            entries(&text);
        }
    }
}
