//! A fixed set of names, found without regard to case.

/// No name in a set is longer; a longer one is found nowhere.
const LONGEST: usize = 32;

/// What each of some ASCII names stands for. A name's length and three of its letters tell nearly all names apart.
pub(super) struct Names<T: 'static, const N: usize> {
    by_length: [(&'static str, T); N],
    /// The signs of those names.
    signs: [u32; N],
    /// Where the names of a length begin.
    starts: [u8; LONGEST + 2],
}

impl<T: Copy, const N: usize> Names<T, N> {
    /// Sorts the names by length, when the program is compiled. Too many or too long names do not compile.
    pub(super) const fn new(mut names: [(&'static str, T); N]) -> Self {
        assert!(N <= u8::MAX as usize, "places must fit in a byte");
        let mut signs = [0; N];
        let mut starts = [0; LONGEST + 2];
        let mut sorted = 0;
        let mut length = 1;
        while length <= LONGEST {
            starts[length] = sorted as u8;
            let mut at = sorted;
            while at < N {
                if names[at].0.len() == length {
                    names.swap(sorted, at);
                    signs[sorted] = sign(names[sorted].0.as_bytes());
                    sorted += 1;
                }
                at += 1;
            }
            length += 1;
        }
        assert!(sorted == N, "no name may be empty or longer than LONGEST");
        starts[LONGEST + 1] = sorted as u8;
        Self { by_length: names, signs, starts }
    }

    /// What `name` stands for.
    pub(super) fn get(&self, name: &str) -> Option<T> {
        let &[start, end] = self.starts.get(name.len()..name.len() + 2)? else { return None };
        let sought = sign(name.as_bytes());
        (usize::from(start)..usize::from(end))
            .filter(|&at| self.signs[at] == sought)
            .map(|at| self.by_length[at])
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, meaning)| meaning)
    }
}

/// Three letters, alike in both cases.
const fn sign(name: &[u8]) -> u32 {
    match name {
        [] => 0,
        [first, .., last] => u32::from_le_bytes([*first, name[name.len() / 2], *last, 0]) | 0x0020_2020,
        [only] => *only as u32 | 0x20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<u8, 5> =
        Names::new([("three", 3), ("a", 1), ("B", 2), ("abcdefghijklmnopqrstuvwxyz012345", 4), ("thxre", 5)]);

    #[test]
    fn names_are_found_in_any_case_and_others_are_not() {
        for (name, meaning) in [("THREE", 3), ("A", 1), ("b", 2), ("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", 4), ("ThXrE", 5)]
        {
            assert_eq!(NAMES.get(name), Some(meaning), "{name}");
        }
        for name in ["", "c", "threa", "txrxe", "ü", "abcdefghijklmnopqrstuvwxyz0123456", &"a".repeat(300)] {
            assert_eq!(NAMES.get(name), None, "{name}");
        }
    }
}
