//! Rust source as text: code, comments and test code told apart well enough for rules that look at words.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::tree::TextFile;

/// A source file split into what runs and what is said about it. Both have as many lines as the source, so that a
/// line number found in one holds in the other.
#[derive(Debug)]
pub(crate) struct RustText {
    /// The source with comments and the content of literals blanked.
    pub(crate) code: String,
    /// The source with everything but comments blanked.
    pub(crate) comments: String,
}

impl RustText {
    /// Splits `source`; never fails, as what does not parse is the compiler's matter.
    pub(crate) fn of(source: &str) -> Self {
        let chars: Vec<char> = source.chars().collect();
        let (mut code, mut comments) = (String::new(), String::new());
        let mut at = 0;
        while at < chars.len() {
            let (kind, end) = next_part(&chars, at);
            for &character in &chars[at..end] {
                let blank = if character == '\n' { '\n' } else { ' ' };
                code.push(if kind == Part::Code { character } else { blank });
                comments.push(if kind == Part::Comment { character } else { blank });
            }
            at = end;
        }
        Self { code, comments }
    }

    /// The code with every item under `#[cfg(test)]` blanked.
    pub(crate) fn code_outside_tests(&self) -> String {
        let mut kept = self.code.clone();
        while let Some(start) = kept.find("#[cfg(test)]") {
            let end = item_end(&kept, start + "#[cfg(test)]".len());
            let blank: String =
                kept[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            kept.replace_range(start..end, &blank);
        }
        kept
    }
}

/// Which files of a tree only tests are made of.
#[derive(Debug)]
pub(crate) struct TestFiles {
    paths: BTreeSet<String>,
}

impl TestFiles {
    /// Those named so (`tests.rs`, everything in `tests/` and `benches/`) and those behind a `#[cfg(test)] mod name;`.
    pub(crate) fn among(files: &[TextFile]) -> Self {
        let mut folders = Vec::new();
        for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
            let text = RustText::of(&file.text);
            // children of lib.rs and main.rs lie beside them, those of name.rs in name/
            let home = match file.path.rsplit_once('/') {
                Some((folder, "lib.rs" | "main.rs")) => folder.to_owned(),
                Some(_) => file.path.trim_end_matches(".rs").to_owned(),
                None if matches!(file.path.as_str(), "lib.rs" | "main.rs") => String::new(),
                None => file.path.trim_end_matches(".rs").to_owned(),
            };
            for name in test_modules(&text.code) {
                let module = if home.is_empty() { name.to_owned() } else { format!("{home}/{name}") };
                folders.push(module);
            }
        }
        let is_test = |path: &str| {
            let module = path.trim_end_matches(".rs");
            let named = module.split('/').any(|part| part == "tests" || part == "benches");
            named
                || folders.iter().any(|folder| module == folder || module.starts_with(&format!("{folder}/")))
        };
        Self { paths: files.iter().map(|file| &file.path).filter(|path| is_test(path)).cloned().collect() }
    }

    /// True when only tests are made of the file at `path`.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.paths.contains(path)
    }
}

/// Names of the modules that are declared under `#[cfg(test)]` and live in files of their own.
fn test_modules(code: &str) -> impl Iterator<Item = &str> {
    code.split("#[cfg(test)]").skip(1).filter_map(|rest| {
        let (declared, _) = rest.split_once(';')?;
        let (_, name) = declared.split_once("mod ")?;
        (!declared.contains('{')).then(|| name.trim())
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Literal,
}

/// The kind of what starts at `at` and where it ends.
fn next_part(chars: &[char], at: usize) -> (Part, usize) {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => (Part::Comment, find(chars, at, |c| c == '\n')),
        '/' if next == Some('*') => (Part::Comment, block_comment_end(chars, at)),
        '"' => (Part::Literal, quoted_end(chars, at, '"')),
        'r' if !follows_word(chars, at) && raw_hashes(chars, at).is_some() => {
            let hashes = raw_hashes(chars, at).expect("asked in the guard");
            (Part::Literal, raw_string_end(chars, at + hashes + 2, hashes))
        }
        // 'a' and '\n' are characters, 'a without a closing quote is a lifetime
        '\'' if next == Some('\\') || chars.get(at + 2) == Some(&'\'') => {
            (Part::Literal, quoted_end(chars, at, '\''))
        }
        _ => (Part::Code, at + 1),
    }
}

fn find(chars: &[char], from: usize, is: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|&c| is(c)).map_or(chars.len(), |offset| from + offset)
}

fn follows_word(chars: &[char], at: usize) -> bool {
    // `br"…"` is a raw literal, too
    let before = at.checked_sub(1).map(|i| chars[i]);
    before.is_some_and(|c| (c.is_alphanumeric() && c != 'b') || c == '_')
}

/// How many `#` a raw string that starts at `at` has; nothing when none starts there.
fn raw_hashes(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    (chars.get(at + 1 + hashes) == Some(&'"')).then_some(hashes)
}

fn raw_string_end(chars: &[char], from: usize, hashes: usize) -> usize {
    let mut at = from;
    while at < chars.len() {
        let closes = chars[at] == '"' && chars[at + 1..].iter().take_while(|&&c| c == '#').count() >= hashes;
        if closes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    chars.len()
}

fn quoted_end(chars: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0usize, start);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// Where the item that starts after `from` ends: at its `;`, or at the brace that closes its first one.
fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0usize;
    for (offset, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b';' if depth == 0 => return offset + 1,
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return offset + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// The number, from 1, of the line in which byte `offset` of `text` is.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// Where `word` stands in `code` as a whole word: not inside a longer name on either side.
pub(crate) fn find_words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    let open_start = !word.starts_with(in_name);
    let open_end = !word.ends_with(in_name);
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        (open_start || !before.is_some_and(in_name)) && (open_end || !after.is_some_and(in_name))
    })
}
