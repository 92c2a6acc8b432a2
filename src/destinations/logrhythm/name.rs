//! The fully qualified beat name, by which LogRhythm tells log sources apart.

use crate::settings::Section;

/// Longest identifier in a fully qualified beat name; longer ones are not told apart.
const IDENTIFIER_CHARS: usize = 12;

/// Longest name of the beat itself. Ours to choose.
const BEAT_CHARS: usize = 20;

/// The name by which LogRhythm tells log sources apart: `webhookbeat_mdc`.
#[derive(Debug)]
pub(super) struct BeatName {
    /// `webhookbeat_mdc`.
    pub(super) whole: String,
}

impl BeatName {
    pub(super) fn from_section(section: &Section<'_>) -> Self {
        let whole = section.string("BEAT_NAME");
        if !Self::is_valid(&whole) {
            section.fault(
                "BEAT_NAME",
                "must be the beat, an underscore, and an identifier of up to 12 letters, digits and hyphens: webhookbeat_mdc",
            );
        }
        Self { whole }
    }

    fn is_valid(name: &str) -> bool {
        let word = |text: &str, most| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        name.split_once('_').is_some_and(|(beat, id)| word(beat, BEAT_CHARS) && word(id, IDENTIFIER_CHARS))
    }

    /// `webhookbeat`.
    pub(super) fn beat(&self) -> &str {
        self.whole.split('_').next().unwrap_or_default()
    }
}
