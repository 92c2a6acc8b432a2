//! `EVENTS`: the record kinds that a destination gets.

use crate::event::RecordKind;
use crate::settings::Section;

/// Reads `EVENTS`: names of kinds, `*`, and `!kind` for one that is left out.
pub(super) fn read(section: &Section<'_>) -> Vec<RecordKind> {
    let text = section.text("EVENTS").unwrap_or_default();
    let (mut taken, mut left_out) = (Vec::new(), Vec::new());
    let mut faultless = !text.is_empty();
    for (number, name) in (1..).zip(text.split(',').map(str::trim).filter(|name| !name.is_empty())) {
        let (list, bare) = match name.strip_prefix('!') {
            Some(bare) => (&mut left_out, bare),
            None => (&mut taken, name),
        };
        match RecordKind::from_name(bare) {
            Some(kind) => list.push(kind),
            None if name == "*" || name.eq_ignore_ascii_case("all") => taken.extend(RecordKind::ALL),
            None => {
                let known = RecordKind::ALL.map(RecordKind::name).join(", ");
                section.fault("EVENTS", &format!("entry {number}: no record kind; known: {known}"));
                faultless = false;
            }
        }
    }
    if taken.is_empty() && !left_out.is_empty() {
        taken.extend(RecordKind::ALL);
    }
    taken.retain(|kind| !left_out.contains(kind));
    taken.sort_unstable();
    taken.dedup();
    if taken.is_empty() && faultless {
        section.fault("EVENTS", "names no record kind, so nothing would ever be sent");
    }
    taken
}
