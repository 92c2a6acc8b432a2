//! A line within a number of bytes: written with everything, then with less and less, until it fits.

pub mod said;

/// How much one try at a line may say.
#[derive(Clone, Copy, Debug)]
pub struct Draft {
    /// Where in the buffer the line should end.
    pub end: usize,
    /// Keys that are left out.
    pub omitted: &'static [&'static str],
    /// Longest text, in escaped bytes.
    pub share: usize,
}

impl Draft {
    /// A draft that says everything.
    pub const WHOLE: Self = Self { end: usize::MAX, omitted: &[], share: usize::MAX };
}

/// Appends the line that `write` writes, of at most `max` bytes: with everything; else without the first key of `order`, the first two, and
/// so on; else without all of them and with no text longer than an eighth of the line. What `write` writes then must fit: up to five
/// texts, and as much again as the rest of a line takes.
pub fn fit(out: &mut Vec<u8>, max: usize, order: &'static [&'static str], write: impl Fn(&mut Vec<u8>, Draft)) {
    let start = out.len();
    let end = start + max;
    for dropped in 0..=order.len() {
        write(out, Draft { end, omitted: &order[..dropped], share: usize::MAX });
        if out.len() <= end {
            return;
        }
        out.truncate(start);
    }
    write(out, Draft { end, omitted: order, share: max / 8 });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_loses_keys_in_order_and_then_the_ends_of_its_texts() {
        let text = "x".repeat(40);
        let written = |max| {
            let mut out = b"before ".to_vec();
            fit(&mut out, max, &["b", "a"], |out, draft| {
                for key in ["a", "b", "id"].iter().filter(|key| !draft.omitted.contains(key)) {
                    out.extend_from_slice(key.as_bytes());
                    out.extend_from_slice(&text.as_bytes()[..text.len().min(draft.share)]);
                }
            });
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(200), format!("before a{text}b{text}id{text}"));
        assert_eq!(written(100), format!("before a{text}id{text}"));
        assert_eq!(written(50), format!("before id{text}"));
        assert_eq!(written(24), "before idxxx");
    }
}
