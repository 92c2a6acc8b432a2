//! Tables of plain text.

use std::fmt::Write;

/// Aligned columns under their headings: the first to the left, numbers to the right.
#[must_use]
pub fn text(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or_default()
    };
    let is_number = |column: usize| {
        column > 0
            && rows.iter().filter_map(|row| row.get(column)).all(|cell| cell.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let columns: Vec<(usize, bool)> = (0..headings.len()).map(|column| (width(column), is_number(column))).collect();
    let mut out = String::new();
    let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
    for row in std::iter::once(&headings).chain(rows) {
        let mut line = String::new();
        for (cell, (width, right)) in row.iter().zip(&columns) {
            let _ = if *right { write!(line, "{cell:>width$}  ") } else { write!(line, "{cell:<width$}  ") };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Full name of an app setting: `SPLUNK__URL`, or the key alone where the section has no name.
#[must_use]
pub fn full_name(section: &str, key: &str) -> String {
    match section {
        "" => key.to_owned(),
        section => format!("{}__{key}", crate::settings::setting_prefix(section)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right() {
        let rows = [vec!["splunk".to_owned(), "7".to_owned()], vec!["soc-syslog".to_owned(), "12".to_owned()]];
        assert_eq!(text(&["name", "sent"], &rows), "name        sent\nsplunk         7\nsoc-syslog    12\n");
    }
}
