//! Texts that live as long as the events that borrow from them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many texts the first block holds; each further block holds twice as many as the one before.
const FIRST: usize = 16;

/// More blocks than memory has room for.
const BLOCKS: usize = 40;

/// Places for texts, each filled once.
type Block = Box<[OnceLock<String>]>;

/// Owns texts that had to be unescaped (JSON inside a JSON string), so that events can borrow from them.
///
/// It only grows, and may grow while others read: an event opens some of its texts when it is first asked about them.
#[derive(Debug, Default)]
pub struct Texts {
    kept: AtomicUsize,
    blocks: Blocks,
}

#[derive(Debug)]
struct Blocks([OnceLock<Block>; BLOCKS]);

impl Default for Blocks {
    fn default() -> Self {
        Self([const { OnceLock::new() }; BLOCKS])
    }
}

impl Texts {
    /// Keeps a text for as long as the events live.
    pub(super) fn keep(&self, text: String) -> &str {
        let place = FIRST + self.kept.fetch_add(1, Ordering::Relaxed);
        let block = (place / FIRST).ilog2();
        let size = FIRST << block;
        let block = self.blocks.0[block as usize].get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
        block[place - size].get_or_init(|| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_what_and_where_they_are() {
        let texts = Texts::default();
        let kept: Vec<&str> = (0..1000).map(|number| texts.keep(number.to_string())).collect();
        for (number, text) in kept.into_iter().enumerate() {
            assert_eq!(text, number.to_string());
        }
    }

    #[test]
    fn several_threads_may_keep_texts() {
        let texts = Texts::default();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let texts = &texts;
                scope.spawn(move || {
                    for number in 0..500 {
                        let text = format!("{thread} {number}");
                        assert_eq!(texts.keep(text.clone()), text);
                    }
                });
            }
        });
        assert_eq!(texts.kept.load(Ordering::Relaxed), 2000);
    }
}
