//! The little HTML that recommendations and scanners write into their texts, as plain lines.

/// Tags that end a line.
const BREAKS: [&str; 10] = ["br", "p", "/p", "li", "/li", "ul", "/ul", "ol", "/ol", "div"];

/// Entities that occur, and what they stand for.
const ENTITIES: [(&str, &str); 8] = [
    ("&nbsp;", " "),
    ("&quot;", "\""),
    ("&#34;", "\""),
    ("&#39;", "'"),
    ("&apos;", "'"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&amp;", "&"),
];

/// The lines of a text that are not blank: `<br>` and its like break lines, a link's address follows its text in parentheses, other tags
/// go, entities are decoded. A `<` that begins no tag stays.
pub(super) fn lines(text: &str) -> Vec<String> {
    let mut plain = String::with_capacity(text.len());
    let mut address = None;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        plain.push_str(&rest[..at]);
        let Some(tag) = tag(&rest[at..]) else {
            plain.push('<');
            rest = &rest[at + 1..];
            continue;
        };
        rest = &rest[at + tag.len() + 2..];
        let name = tag.trim_end_matches('/').split_ascii_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            "a" => address = href(tag),
            "/a" => plain.extend(address.take().map(|address| format!(" ({address})"))),
            name if BREAKS.contains(&name) => plain.push('\n'),
            _ => {}
        }
    }
    plain.push_str(rest);
    let decoded = |line: &str| ENTITIES.iter().fold(line.to_owned(), |line, (entity, text)| line.replace(entity, text));
    let lines = plain.split(['\n', '\r', '\u{2028}', '\u{2029}']).map(decoded);
    lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// What is between the angle brackets of the tag at the beginning of a text; none where a tag does not begin there.
fn tag(text: &str) -> Option<&str> {
    let inner = &text[1..];
    let is_name = inner.strip_prefix('/').unwrap_or(inner).starts_with(|c: char| c.is_ascii_alphabetic());
    let end = inner.find(['<', '>']).filter(|_| is_name)?;
    inner[end..].starts_with('>').then_some(&inner[..end])
}

/// The address that a tag links to.
fn href(tag: &str) -> Option<String> {
    let at = tag.to_ascii_lowercase().find("href=")? + "href=".len();
    let rest = &tag[at..];
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let address = match quote {
        Some(quote) => rest[1..].split(quote).next(),
        None => rest.split_ascii_whitespace().next(),
    };
    address.map(str::trim).filter(|address| !address.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_links_tags_and_entities() {
        let text = "To fix:<br>1. Go to <b>Settings</b><br/>2. See <a target=x href=\"https://example.com/?a=1&amp;b=2\">the docs</a>.\
                    <BR />3. Set &quot;*&quot; &amp;lt; <p>Done</p>\r\n\r\n if a < b then c > d";
        assert_eq!(
            lines(text),
            [
                "To fix:",
                "1. Go to Settings",
                "2. See the docs (https://example.com/?a=1&b=2).",
                "3. Set \"*\" &lt;",
                "Done",
                "if a < b then c > d"
            ]
        );
    }

    #[test]
    fn plain_and_broken_texts_stay() {
        assert_eq!(lines("Use `x` in \\etc\\new."), ["Use `x` in \\etc\\new."]);
        assert_eq!(lines("a <b"), ["a <b"]);
        assert_eq!(lines("<a href=>x</a> </a>"), ["x"]);
        assert_eq!(lines("<li>é</li><br><br>"), ["é"]);
        assert_eq!(lines(""), [""; 0]);
    }

    #[test]
    fn a_megabyte_of_beginnings_is_read_once() {
        let text = "<a".repeat(500_000);
        assert_eq!(lines(&text), [text]);
    }
}
