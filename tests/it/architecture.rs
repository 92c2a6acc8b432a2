//! The walls of the house: what is pure stays pure, arrows point one way, and every list has its folders.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use defender_relay::destinations::CATALOG;
use defender_relay::functions::ROUTES;

use crate::support::root;

/// What pure code never names: anything that waits, sends, reads a clock, rolls dice, looks around or logs.
const IMPURE: &[&str] = &[
    "async",
    "await",
    "fastrand",
    "Instant",
    "object_store",
    "reqwest",
    "rustls",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "SystemTime",
    "TcpListener",
    "TcpStream",
    "Timestamp::now",
    "tokio",
    "ToSocketAddrs",
    "tracing",
    "UdpSocket",
    "Zoned::now",
];

/// The modules in the order of `src/lib.rs`: each after those that it may use.
fn order() -> Vec<String> {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    modules.map(str::to_owned).collect()
}

/// The one arrow that points back: the reader of a syslog address returns the transport's own word for its scheme.
const BACK: (&str, &str) = ("settings", "transport");

/// A source file: its path from the root, and its code without comments and without the tests at its bottom.
struct Source {
    path: String,
    code: String,
}

impl Source {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let code = text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| line.split(" // ").next().unwrap())
            .collect::<Vec<_>>()
            .join("\n");
        Self { path: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), code }
    }

    fn names(&self, word: &str) -> bool {
        let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
        self.code.match_indices(word).any(|(at, _)| {
            !self.code[..at].ends_with(part_of_a_name) && !self.code[at + word.len()..].starts_with(part_of_a_name)
        })
    }

    /// The modules of this crate that the file names: `crate::outbox::Letter` names `outbox`; so does `use crate::{outbox, event};`.
    fn modules(&self) -> BTreeSet<String> {
        let leading = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let mut found = BTreeSet::new();
        for (at, path) in self.code.match_indices("crate::") {
            let rest = &self.code[at + path.len()..];
            let Some(group) = rest.strip_prefix('{') else {
                found.insert(leading(rest));
                continue;
            };
            let mut depth = 0;
            for entry in group.split_inclusive([',', '{', '}']) {
                if depth == 0 {
                    found.insert(leading(entry.trim_start()));
                }
                depth += entry.matches('{').count();
                match depth.checked_sub(entry.matches('}').count()) {
                    Some(left) => depth = left,
                    None => break,
                }
            }
        }
        found.remove("");
        found
    }
}

/// Every Rust file below `folder`, test modules left out.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "tests") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.file_name().is_some_and(|name| name != "tests.rs")
            {
                found.push(Source::read(&path));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds no code");
    found
}

/// The names of the folders in `folder`.
fn folders(folder: &str) -> BTreeSet<String> {
    fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn destinations_and_formats_are_pure() {
    let mut faults = Vec::new();
    for source in sources("src")
        .iter()
        .filter(|source| ["src/destinations", "src/format"].iter().any(|pure| source.path.starts_with(pure)))
    {
        for word in IMPURE.iter().filter(|word| source.names(word)) {
            faults.push(format!("{} names {word}", source.path));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn arrows_point_one_way() {
    let order = order();
    let place = |module: &str| order.iter().position(|name| name == module);
    let mut faults = Vec::new();
    for source in sources("src").iter().filter(|source| !["src/lib.rs", "src/main.rs"].contains(&source.path.as_str()))
    {
        let module = source.path["src/".len()..].split(['/', '.']).next().unwrap();
        let own = place(module).unwrap_or_else(|| panic!("{module} has no place in the order"));
        for used in source.modules() {
            if place(&used).is_some_and(|used| used > own) && (module, used.as_str()) != BACK {
                faults.push(format!("{} names crate::{used}, which comes after {module}", source.path));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_catalogue_is_the_folders() {
    let catalogue: BTreeSet<String> = CATALOG.iter().map(|kind| kind.name.to_owned()).collect();
    assert_eq!(catalogue, folders("src/destinations"));
    assert_eq!(catalogue.len(), CATALOG.len(), "a kind is listed twice");
    for name in catalogue {
        for file in ["mod.rs", "README.md"] {
            let path = format!("src/destinations/{name}/{file}");
            assert!(root().join(&path).is_file(), "{path} is missing");
        }
    }
}

#[test]
fn the_trigger_folders_are_the_routes() {
    assert_eq!(folders("function-triggers"), ROUTES.iter().map(|route| (*route).to_owned()).collect());
}

#[test]
fn files_hold_one_concept() {
    let mut faults = Vec::new();
    for source in sources("src") {
        let lines = fs::read_to_string(root().join(&source.path)).unwrap().lines().count();
        if lines > 500 {
            faults.push(format!("{}: {lines} lines", source.path));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn nothing_is_left_open() {
    let marks = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("FIX", "ME"), concat!("#[ig", "nore")];
    for source in ["src", "tests", "benches"].iter().flat_map(|folder| sources(folder)) {
        for mark in marks {
            assert!(!source.code.contains(mark), "{} holds {mark}", source.path);
        }
    }
}

#[test]
fn the_reader_of_this_file_reads_right() {
    let source = |code: &str| Source { path: String::new(), code: code.to_owned() };
    let code = "use crate::{event::{Event, EventId}, outbox, parcel::Parcel};\nfn f() { crate::host::x(); }";
    let expected = ["event", "host", "outbox", "parcel"].map(str::to_owned);
    assert_eq!(source(code).modules(), BTreeSet::from(expected));
    assert!(source("a tokio::spawn").names("tokio") && !source("tokio_like atokio").names("tokio"));
}
