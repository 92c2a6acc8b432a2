//! Reads as much Bicep as these tests ask about: what a file declares, and the members of an object. Judging Bicep is the work of
//! `scripts/check-infra`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// A top-level declaration: `param name string = 'x'`, with the decorators before it.
#[derive(Clone, Debug)]
pub(super) struct Declaration {
    /// `param`, `var`, `resource`, `module`, `output` or another first word.
    pub(super) keyword: String,
    pub(super) name: String,
    /// The decorators, as they stand there.
    pub(super) decorators: String,
    /// All after the name.
    pub(super) rest: String,
}

impl Declaration {
    /// What stands after the `=`; nothing for a parameter that must be given.
    pub(super) fn value(&self) -> Option<&str> {
        let at = split_at_top(&self.rest, '=')?;
        Some(self.rest[at + 1..].trim())
    }

    /// The text of `@description('...')`, without escapes.
    pub(super) fn description(&self) -> Option<String> {
        let (_, rest) = self.decorators.split_once("@description('")?;
        let mut text = String::new();
        let mut letters = rest.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => text.push(letters.next()?),
                '\'' => return Some(text),
                other => text.push(other),
            }
        }
        None
    }
}

/// A Bicep file without its comments.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) declarations: Vec<Declaration>,
}

impl File {
    /// The file at that path of the repository.
    pub(super) fn read(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = without_comments(&text);
        let declarations = declarations(&text);
        Self { path: path.to_owned(), text, declarations }
    }

    /// Every `.bicep` file below a folder of the repository.
    pub(super) fn all(folder: &str) -> Vec<Self> {
        let mut found: Vec<PathBuf> = Vec::new();
        let mut open = vec![root().join(folder)];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|extension| extension == "bicep") {
                    found.push(path.strip_prefix(root()).unwrap().to_owned());
                }
            }
        }
        found.sort();
        found.into_iter().map(Self::read).collect()
    }

    /// The declarations with that first word.
    pub(super) fn of<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = &'a Declaration> {
        self.declarations.iter().filter(move |declaration| declaration.keyword == keyword)
    }

    /// The one with that first word and name.
    pub(super) fn get(&self, keyword: &str, name: &str) -> &Declaration {
        self.declarations
            .iter()
            .find(|declaration| declaration.keyword == keyword && declaration.name == name)
            .unwrap_or_else(|| panic!("{} has no {keyword} {name}", self.path.display()))
    }

    /// The members of an object that a variable holds.
    pub(super) fn object(&self, variable: &str) -> BTreeMap<String, String> {
        members(self.get("var", variable).value().unwrap())
    }
}

/// The members of the first object literal in a text: key without quotes, to value.
pub(super) fn members(text: &str) -> BTreeMap<String, String> {
    let start = text.find('{').unwrap_or_else(|| panic!("no object in {text}"));
    let mut found = BTreeMap::new();
    for line in pieces(&text[start + 1..], &['\n', ',']) {
        if let Some(at) = split_at_top(line, ':') {
            found.insert(line[..at].trim().trim_matches('\'').to_owned(), line[at + 1..].trim().to_owned());
        }
    }
    found
}

/// The text of a string literal without interpolation.
pub(super) fn literal(value: &str) -> Option<&str> {
    let text = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    (!text.contains(['\'', '$'])).then_some(text)
}

/// Where we are in a text: how deep in brackets, and in which string.
#[derive(Default)]
struct Depth {
    /// Open brackets and strings: `(`, `[`, `{`, or `'`.
    open: Vec<u8>,
    escaped: bool,
}

impl Depth {
    fn in_string(&self) -> bool {
        self.open.last() == Some(&b'\'')
    }

    /// Steps over one byte, with the one before it; false at a bracket that nothing opened.
    fn step(&mut self, byte: u8, before: u8) -> bool {
        if self.in_string() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'\'' => drop(self.open.pop()),
                // Interpolation is code again, up to its bracket.
                b'{' if before == b'$' => self.open.push(b'{'),
                _ => {}
            }
            return true;
        }
        match byte {
            b'(' | b'[' | b'{' | b'\'' => self.open.push(byte),
            b')' | b']' | b'}' => return self.open.pop().is_some(),
            _ => {}
        }
        true
    }
}

/// Cuts a text at separators outside brackets and strings, up to the bracket that closes what is around it.
fn pieces<'a>(text: &'a str, separators: &[char]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let (mut depth, mut start, mut before) = (Depth::default(), 0, 0);
    for (at, byte) in text.bytes().enumerate() {
        if depth.open.is_empty() && separators.contains(&char::from(byte)) {
            found.push(&text[start..at]);
            start = at + 1;
        } else if !depth.step(byte, before) {
            found.push(&text[start..at]);
            return found;
        }
        before = byte;
    }
    found.push(&text[start..]);
    found
}

/// The first such character outside brackets and strings.
fn split_at_top(text: &str, wanted: char) -> Option<usize> {
    let first = pieces(text, &[wanted]).first()?.len();
    (first < text.len() && text[first..].starts_with(wanted)).then_some(first)
}

fn without_comments(text: &str) -> String {
    let mut clean = String::new();
    for line in text.lines() {
        let (mut depth, mut before, mut end) = (Depth::default(), 0, line.len());
        for (at, byte) in line.bytes().enumerate() {
            if byte == b'/' && before == b'/' && !depth.in_string() {
                end = at - 1;
                break;
            }
            depth.step(byte, before);
            before = byte;
        }
        clean.push_str(line[..end].trim_end());
        clean.push('\n');
    }
    clean
}

fn declarations(text: &str) -> Vec<Declaration> {
    let mut found = Vec::new();
    let mut decorators = String::new();
    for piece in pieces(text, &['\n']) {
        let piece = piece.trim();
        if piece.starts_with('@') {
            decorators.push_str(piece);
            decorators.push('\n');
        } else if let Some((keyword, rest)) = piece.split_once(' ').filter(|_| !piece.starts_with('#')) {
            let (name, rest) = rest.split_once([' ', '\n']).unwrap_or((rest, ""));
            found.push(Declaration {
                keyword: keyword.to_owned(),
                name: name.to_owned(),
                decorators: std::mem::take(&mut decorators),
                rest: rest.to_owned(),
            });
        }
    }
    found
}

#[test]
fn bicep_is_read_as_it_is_written() {
    let text = without_comments(
        "// a comment with 'a quote\n#disable-next-line a b\n@description('What\\'s // in it, ${x}: {y}')\n@allowed(['a', 'b'])\nparam name string = 'a:b' // why\n\
         var settings = {\n  PLAIN: 'x${empty(y) ? '' : '}'}z'\n  'With.Dots': [\n    'p'\n  ]\n  DEEP: { A: 1, B: '}' }\n}\n\
         resource site 'Microsoft.Web/sites@2024-11-01' = if (on) {\n  name: 'n'\n}\noutput LAST string = name\n",
    );
    let file = File { path: PathBuf::new(), declarations: declarations(&text), text };
    let names: Vec<(&str, &str)> =
        file.declarations.iter().map(|each| (each.keyword.as_str(), each.name.as_str())).collect();
    assert_eq!(names, [("param", "name"), ("var", "settings"), ("resource", "site"), ("output", "LAST")]);
    assert_eq!(file.get("param", "name").value(), Some("'a:b'"));
    assert_eq!(file.get("param", "name").description().unwrap(), "What's // in it, ${x}: {y}");
    let settings = file.object("settings");
    assert_eq!(settings.keys().collect::<Vec<_>>(), ["DEEP", "PLAIN", "With.Dots"]);
    assert_eq!(settings["PLAIN"], "'x${empty(y) ? '' : '}'}z'");
    assert_eq!(members(&settings["DEEP"])["B"], "'}'");
    assert_eq!(members(file.get("resource", "site").value().unwrap())["name"], "'n'");
}
