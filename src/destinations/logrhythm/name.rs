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
                "must be the beat, an underscore, and an identifier of up to 12 letters, digits, hyphens and underscores: webhookbeat_mdc",
            );
        }
        Self { whole }
    }

    fn is_valid(name: &str) -> bool {
        let Some((beat, identifier)) = name.split_once('_') else { return false };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        name.bytes().all(legal)
            && (1..=BEAT_CHARS).contains(&beat.len())
            && (1..=IDENTIFIER_CHARS).contains(&identifier.len())
    }

    /// `webhookbeat`.
    pub(super) fn beat(&self) -> &str {
        self.whole.split('_').next().unwrap_or_default()
    }
}
