//! Tells syslog messages on a stream apart, by either framing of RFC 6587.

/// Takes the first whole message from the front of `buffer`; nothing when more bytes are needed.
///
/// A message begins with `<`, so a first digit means octet counting.
pub(super) fn take(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let digits = buffer.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (start, length, end) = if digits > 0 {
        if *buffer.get(digits)? != b' ' {
            return take_line(buffer);
        }
        let length: usize = std::str::from_utf8(&buffer[..digits]).ok()?.parse().ok()?;
        let start = digits + 1;
        (start, length, start.checked_add(length)?)
    } else {
        return take_line(buffer);
    };
    if buffer.len() < end {
        return None;
    }
    let message = buffer[start..start + length].to_vec();
    buffer.drain(..end);
    Some(message)
}

fn take_line(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let end = memchr::memchr(b'\n', buffer)?;
    let message = buffer[..end].to_vec();
    buffer.drain(..=end);
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let (mut buffer, mut messages) = (bytes.to_vec(), Vec::new());
        while let Some(message) = take(&mut buffer) {
            messages.push(message);
        }
        (messages, buffer)
    }

    #[test]
    fn octet_counting_keeps_line_breaks_and_waits_for_the_rest() {
        let (messages, rest) = all(b"5 <1>\na3 <1>12 <2>unfini");
        assert_eq!(messages, [b"<1>\na".to_vec(), b"<1>".to_vec()]);
        assert_eq!(rest, b"12 <2>unfini");
        assert_eq!(all(b"12").0.len(), 0);
    }

    #[test]
    fn lines_end_at_line_feeds() {
        let (messages, rest) = all(b"<1>a\n<2>b\n<3>");
        assert_eq!(messages, [b"<1>a".to_vec(), b"<2>b".to_vec()]);
        assert_eq!(rest, b"<3>");
    }
}
