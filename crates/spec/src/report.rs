//! Problems for people: a window of the source with the place marked, the reason, and what to write.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode, ThemeStyles,
};

use crate::problem::{Problem, Severity, Span};

/// One problem with the text it is about.
#[derive(Debug)]
struct Report<'a> {
    problem: &'a Problem,
    source: &'a NamedSource<String>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for Report<'_> {}

impl Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.problem.code.as_str()))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.problem.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let at = |span: Span| (span.start, span.end - span.start);
        let path = (!self.problem.path.is_empty()).then(|| self.problem.path.clone());
        let here = LabeledSpan::new_primary_with_span(path, at(self.problem.span));
        let there = self.problem.other.as_ref();
        let there = there.map(|(span, label)| LabeledSpan::new_with_span(Some(label.clone()), at(*span)));
        Some(Box::new([here].into_iter().chain(there)))
    }
}

/// Renders problems of one text, each with its window, as wide as `width` columns.
pub fn render(problems: &[Problem], source: &str, width: usize, color: bool) -> String {
    let Some(first) = problems.first() else { return String::new() };
    let named = NamedSource::new(&first.file, without_secrets(problems, source));
    let mut theme = GraphicalTheme::unicode_nocolor();
    if color {
        theme.styles = ThemeStyles::ansi();
    }
    let handler =
        GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false).with_context_lines(1);
    let mut text = String::new();
    for problem in problems {
        handler
            .render_report(&mut text, &Report { problem, source: &named })
            .expect("writing into a string does not fail");
        text.push('\n');
    }
    text
}

/// The text with each secret blackened, byte for byte, so that every place stays where it is.
fn without_secrets(problems: &[Problem], source: &str) -> String {
    let mut bytes = source.as_bytes().to_vec();
    for secret in problems.iter().filter_map(|problem| problem.secret) {
        let range = secret.start.min(bytes.len())..secret.end.min(bytes.len());
        bytes[range].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
