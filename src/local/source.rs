//! Where the local run's events come from: the built-in samples, files, folders, standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The built-in sample events: composed for this repository, with names and addresses reserved for documentation.
pub const SAMPLES: &[(&str, &str)] = &[
    ("vm-brute-force", include_str!("samples/vm-brute-force.json")),
    ("storage-malware", include_str!("samples/storage-malware.json")),
    ("kubernetes-web-shell", include_str!("samples/kubernetes-web-shell.json")),
    ("sql-injection", include_str!("samples/sql-injection.json")),
    ("key-vault-anomaly", include_str!("samples/key-vault-anomaly.json")),
    ("incident", include_str!("samples/incident.json")),
    ("recommendation", include_str!("samples/recommendation.json")),
];

/// The built-in samples for the function `logs`: what Azure Monitor writes to an event hub, an envelope each.
pub const LOG_SAMPLES: &[(&str, &str)] = &[
    ("activity-log", include_str!("samples/logs/activity-log.json")),
    ("activity-log-rest", include_str!("samples/logs/activity-log-rest.json")),
    ("entra", include_str!("samples/logs/entra.json")),
    ("resource-logs", include_str!("samples/logs/resource-logs.json")),
    ("defender-xdr", include_str!("samples/logs/defender-xdr.json")),
];

/// The built-in samples of a function: its own, or those of `alerts`.
#[must_use]
pub fn samples(function: &str) -> &'static [(&'static str, &'static str)] {
    if function == "logs" { LOG_SAMPLES } else { SAMPLES }
}

/// Kinds of files that are taken from a folder.
const EXTENSIONS: [&str; 3] = ["json", "jsonl", "ndjson"];

/// The event bodies that `paths` hold, in order; the built-in samples when there are none. `-` is standard input; a folder stands
/// for its JSON files, sorted by name.
///
/// # Errors
/// When something cannot be read, or holds no event.
pub fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Vec<u8>>> {
    read_for("alerts", paths)
}

/// The same, with the built-in samples of that function.
///
/// # Errors
/// As [`read`].
pub fn read_for(function: &str, paths: &[PathBuf]) -> anyhow::Result<Vec<Vec<u8>>> {
    if paths.is_empty() {
        return Ok(samples(function).iter().map(|(_, text)| compact(text)).collect());
    }
    let mut bodies = Vec::new();
    for path in paths {
        let before = bodies.len();
        let stdin = path.as_os_str() == "-";
        if stdin {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("standard input cannot be read")?;
            bodies.extend(split(&bytes, false));
        } else if path.is_dir() {
            for file in files(path)? {
                bodies.extend(read_file(&file)?);
            }
        } else {
            bodies.extend(read_file(path)?);
        }
        let name = if stdin { "standard input".into() } else { path.to_string_lossy() };
        anyhow::ensure!(bodies.len() > before, "{name} holds no event");
    }
    Ok(bodies)
}

fn read_file(path: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let lines = path.extension().is_some_and(|extension| extension == "ndjson" || extension == "jsonl");
    Ok(split(&bytes, lines))
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && path.extension().is_some_and(|own| EXTENSIONS.iter().any(|ext| own == *ext)))
        .collect();
    files.sort();
    Ok(files)
}

/// One event body per line for NDJSON, else the file as it is. NDJSON is what is called so, and what is no JSON as a whole but
/// begins with a line that is. A line that is no JSON is an event all the same: the relay must cope with it.
fn split(bytes: &[u8], lines: bool) -> Vec<Vec<u8>> {
    let is_json = |bytes: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    let mut parts = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let ndjson =
        lines || (!is_json(bytes) && parts.clone().next().is_some_and(is_json) && parts.clone().nth(1).is_some());
    match parts.next() {
        None => Vec::new(),
        Some(first) if ndjson => std::iter::once(first).chain(parts).map(<[u8]>::to_vec).collect(),
        Some(_) => vec![bytes.to_vec()],
    }
}

/// The sample without the white space that makes it readable in the repository: continuous export sends none.
fn compact(text: &str) -> Vec<u8> {
    let (mut out, mut quoted, mut escaped) = (Vec::with_capacity(text.len()), false, false);
    for byte in text.bytes() {
        if quoted || !byte.is_ascii_whitespace() {
            out.push(byte);
        }
        quoted ^= byte == b'"' && !escaped;
        escaped = quoted && byte == b'\\' && !escaped;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_json_and_stay_equal_when_compacted() {
        for (name, text) in SAMPLES.iter().chain(LOG_SAMPLES) {
            let whole: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let compact = compact(text);
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&compact).unwrap(), whole, "{name}");
            assert!(!compact.contains(&b'\n'), "{name}");
        }
    }

    #[test]
    fn one_file_is_one_event_unless_it_is_lines() {
        assert_eq!(split(b"[{\"a\":1},\n{\"a\":2}]\n", false).len(), 1);
        assert_eq!(split(b"{\"a\":1}\n\n{\"a\":2}\nbroken\n", false).len(), 3);
        assert_eq!(split(b"{\"a\":1}\n", false), [b"{\"a\":1}\n".to_vec()]);
        assert_eq!(split(b"{\"a\":1}\n", true), [b"{\"a\":1}".to_vec()]);
        assert_eq!(split(b"not json\nat all\n", false).len(), 1);
        assert!(split(b" \n", false).is_empty());
    }

    #[test]
    fn a_folder_stands_for_its_json_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("b.json", "{\"b\":1}"), ("a.ndjson", "{\"a\":1}\n{\"a\":2}"), ("INDEX.md", "# no event")]
        {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let bodies = read(&[folder.path().to_owned()]).unwrap();
        assert_eq!(bodies, [b"{\"a\":1}".to_vec(), b"{\"a\":2}".to_vec(), b"{\"b\":1}".to_vec()]);
        assert!(read(&[folder.path().join("missing.json")]).is_err());
    }
}
