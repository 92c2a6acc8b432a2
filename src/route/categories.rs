//! `LOG_CATEGORIES`: the categories of log records that a destination gets.

use crate::settings::Section;

/// A choice of categories. They are open: a name that Azure does not know yet is no mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Categories {
    /// All but those that are left out, else only those that are named.
    all: bool,
    named: Vec<String>,
    left_out: Vec<String>,
}

impl Categories {
    /// Reads `LOG_CATEGORIES`: names, `*`, and `!name` for one that is left out.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let text = section.string("LOG_CATEGORIES");
        let (mut all, mut named, mut left_out) = (false, Vec::new(), Vec::new());
        for (number, name) in (1..).zip(text.split(',').map(str::trim).filter(|name| !name.is_empty())) {
            match name.strip_prefix('!').map(str::trim) {
                Some("" | "*") => {
                    section.fault("LOG_CATEGORIES", &format!("entry {number}: `!` needs the name of a category"));
                }
                Some(bare) => left_out.push(bare.to_owned()),
                None if name == "*" || name.eq_ignore_ascii_case("all") => all = true,
                None => named.push(name.to_owned()),
            }
        }
        all |= named.is_empty() && !left_out.is_empty();
        let choice = Self { all, named, left_out };
        let is_empty = !choice.all && !choice.named.iter().any(|name| choice.take(name));
        if is_empty && !text.is_empty() && !section.is_faulty("LOG_CATEGORIES") {
            section.fault("LOG_CATEGORIES", "names no category, so no log record with one would ever be sent");
        }
        choice
    }

    /// Whether no category is left out.
    pub(super) fn take_all(&self) -> bool {
        self.all && self.left_out.is_empty()
    }

    /// Whether records of this category go. A record without one does: a missing field is no reason to withhold it.
    pub(super) fn take(&self, category: &str) -> bool {
        let category = category.trim();
        let is_in = |list: &[String]| list.iter().any(|name| name.eq_ignore_ascii_case(category));
        category.is_empty() || ((self.all || is_in(&self.named)) && !is_in(&self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destinations::CATALOG;
    use crate::settings::{SettingsError, Values};

    fn read(text: &str) -> Result<Categories, SettingsError> {
        let values = Values::new([("X__LOG_CATEGORIES".to_owned(), text.to_owned())]);
        let section = Section::new("x", vec![super::super::settings(&CATALOG[0])], &values);
        let read = Categories::read(&section);
        section.finish(read)
    }

    #[test]
    fn categories_are_named_or_left_out_in_any_case() {
        let takes = |text: &str, category: &str| read(text).unwrap().take(category);
        assert!(takes("auditlogs, SignInLogs", "AuditLogs") && !takes("auditlogs", "SignInLogs"));
        assert!(takes("!AuditLogs", "SignInLogs") && !takes("!AuditLogs", "auditlogs"));
        assert!(takes("*, ! AuditLogs", "New") && !takes("a, !a, b", "a"));
        assert!(takes("", "Any") && takes("*", "Any") && takes("a", ""), "without a category a record passes");
        assert!(read("*").unwrap().take_all() && !read("!a").unwrap().take_all());
    }

    #[test]
    fn a_choice_of_nothing_is_a_mistake() {
        for nothing in ["a, !a", ",", "!", "!*", "a, ! "] {
            let error = read(nothing).unwrap_err();
            assert_eq!(error.faults.len(), 1, "{nothing}: {error}");
        }
    }
}
