//! Sentences for people: wrapped between words where the terminal ends, further lines indented below their first.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// Longer lines are hard to read, however wide the terminal is.
const WIDEST: usize = 120;
/// What a line may begin with to say what it is; the sentence stays to the right of it.
const LABELS: [&str; 5] = ["error: ", "hint: ", "note: ", "warning: ", "because "];
/// The indent of further lines where there is no label.
const HANG: usize = 2;
/// Stands for a space that must not become a line's end.
const FIRM_SPACE: char = '\u{a0}';

/// Each line of `text`, wrapped to `width`; as it is where there is none. The end of the last line stays as it is.
pub(crate) fn wrapped(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let lines: Vec<String> = text.split('\n').map(|line| wrapped_line(line, width.min(WIDEST))).collect();
    lines.join("\n")
}

fn wrapped_line(line: &str, width: usize) -> String {
    let sentence = line.trim_start_matches(' ');
    let label = LABELS.iter().find(|label| sentence.starts_with(**label));
    hanging(line, width, line.len() - sentence.len() + label.map_or(HANG, |label| label.len()))
}

/// One line, wrapped to `width` with its further lines indented by `hang` columns.
pub(crate) fn hanging(line: &str, width: usize, hang: usize) -> String {
    if textwrap::core::display_width(line) <= width {
        return line.to_owned();
    }
    let sentence = line.trim_start_matches(' ');
    let firm = with_firm_commands(sentence, width.saturating_sub(hang));
    let (begin, hang) = (" ".repeat(line.len() - sentence.len()), " ".repeat(hang));
    let options = Options::new(width)
        .initial_indent(&begin)
        .subsequent_indent(&hang)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::fill(&firm, options).replace(FIRM_SPACE, " ")
}

/// The sentence with firm spaces inside of what stands in back quotes, so that it can be copied; not where a line of
/// its own has no room for it.
fn with_firm_commands(sentence: &str, room: usize) -> String {
    let pieces: Vec<&str> = sentence.split('`').collect();
    let closed = pieces.len() % 2 == 1;
    let firm = pieces.iter().enumerate().map(|(place, piece)| {
        // With its quotes and a comma.
        let fits = textwrap::core::display_width(piece) + 3 <= room;
        let is_quoted = place % 2 == 1 && closed;
        if is_quoted && fits { piece.replace(' ', &FIRM_SPACE.to_string()) } else { (*piece).to_owned() }
    });
    firm.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HINT: &str = "hint: give user alice access in the spec, such as `users: { alice: { allow: [\"read,write \
        topic:orders\", \"read group:alice-*\"] } }`, then `klamm up`";

    #[test]
    fn sentences_wrap_between_words_to_the_right_of_their_label() {
        let sentence = "this deletes cluster dev: the data, logs and keys of 3 nodes, `klamm up --cluster dev` makes it anew";
        let cause = "  because the disk of nodes-0 is full, and has been for hours";
        let texts = [(HINT, 60), (HINT, 90), (sentence, 60), (cause, 40)]
            .map(|(text, width)| wrapped(text, Some(width)));
        insta::assert_snapshot!("sentences", texts.join("\n\n"));
    }

    #[test]
    fn off_a_terminal_and_where_there_is_room_nothing_changes() {
        assert_eq!(wrapped(HINT, None), HINT);
        assert_eq!(wrapped("short\n\n  lines\n", Some(80)), "short\n\n  lines\n");
    }

    #[test]
    fn no_line_is_longer_than_a_person_reads_and_no_path_is_cut() {
        let words = "word ".repeat(60);
        assert!(wrapped(&words, Some(200)).lines().all(|line| line.len() <= WIDEST));
        let path = format!("/{}", "folder/".repeat(20));
        let text = wrapped(
            &format!("error: {path} could not be read, whatever was tried, and more than once"),
            Some(40),
        );
        assert!(text.contains(&path), "{text}");
    }
}
