//! Java's `.properties` format: what is written is what `java.util.Properties` reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Writes pairs in the given order, each block under its comment.
#[derive(Debug, Default)]
pub struct Properties {
    text: String,
}

impl Properties {
    /// Begins with a comment that says where the file comes from.
    pub fn new(origin: &str) -> Self {
        let mut properties = Self::default();
        properties.comment(origin);
        properties
    }

    /// A comment of one line.
    pub fn comment(&mut self, text: &str) {
        self.text.push_str("# ");
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.text.push('\n');
    }

    /// A pair.
    pub fn set(&mut self, key: &str, value: &str) {
        escape(&mut self.text, key, true);
        self.text.push('=');
        escape(&mut self.text, value, false);
        self.text.push('\n');
    }

    /// The file.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// The escapes of `java.util.Properties.store`.
fn escape(out: &mut String, text: &str, key: bool) {
    for (place, character) in text.chars().enumerate() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{c}' => out.push_str("\\f"),
            ' ' if key || place == 0 => out.push_str("\\ "),
            '=' | ':' | '#' | '!' if key => {
                out.push('\\');
                out.push(character);
            }
            ' '..='~' => out.push(character),
            other => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    write!(out, "\\u{unit:04X}").expect("a string takes every text");
                }
            }
        }
    }
}

/// Reads what [`Properties`] wrote, or `java.util.Properties.store`: a pair a line, escapes undone.
pub fn read_properties(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    lines.filter_map(read_pair).collect()
}

fn read_pair(line: &str) -> Option<(String, String)> {
    let mut escaped = false;
    let end = line.bytes().position(|byte| {
        let found = byte == b'=' && !escaped;
        escaped = byte == b'\\' && !escaped;
        found
    })?;
    Some((unescape(&line[..end]), unescape(&line[end + 1..])))
}

fn unescape(text: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let meant = match character {
            '\\' => match rest.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('f') => '\u{c}',
                Some('u') => {
                    let digits: String = rest.by_ref().take(4).collect();
                    units.extend(u16::from_str_radix(&digits, 16));
                    continue;
                }
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        units.extend(meant.encode_utf16(&mut [0; 2]).iter());
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awkward_keys_and_values_are_escaped_as_java_does() {
        let mut properties = Properties::new("by hand");
        properties.set("a key:with=signs", " leading, \"quoted\" = plain\\ \u{fc}\u{1F600}\nnext");
        let expected = "# by hand\na\\ key\\:with\\=signs=\\ leading, \"quoted\" = plain\\\\ \\u00FC\\uD83D\\uDE00\\nnext\n";
        let text = properties.into_text();
        assert_eq!(text, expected);
        let read = read_properties(&text);
        let value = " leading, \"quoted\" = plain\\ \u{fc}\u{1F600}\nnext";
        assert_eq!(read.into_iter().collect::<Vec<_>>(), [("a key:with=signs".to_owned(), value.to_owned())]);
    }
}
