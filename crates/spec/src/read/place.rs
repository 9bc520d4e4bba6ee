//! Places in the document, and the list of problems that are found there.

use crate::document::{Entry, Node, NodeKind};
use crate::problem::{Code, Problem, Severity, Span};

/// A value with its path, and the key it stands under.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    node: &'a Node,
    is_item: bool,
    key: Option<(&'a str, Span)>,
    path: String,
}

/// Where a problem is shown.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub(crate) span: Span,
    pub(crate) path: String,
    pub(crate) value: Option<String>,
}

impl<'a> Place<'a> {
    /// The whole document.
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, is_item: false, key: None, path: String::new() }
    }

    /// The text of the value.
    pub(crate) fn span(&self) -> Span {
        self.node.span
    }

    /// Whether it stands in a list; its key is then the list's.
    pub(crate) fn is_item(&self) -> bool {
        self.is_item
    }

    /// What is there.
    pub(crate) fn kind(&self) -> &'a NodeKind {
        &self.node.kind
    }

    /// `pools.brokers.count`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The text of a scalar.
    pub(crate) fn scalar(&self) -> Option<&'a str> {
        match &self.node.kind {
            NodeKind::Scalar(text) => Some(text),
            NodeKind::Null | NodeKind::List(_) | NodeKind::Mapping(_) => None,
        }
    }

    /// The value of one key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        self.raw_entries().iter().find(|entry| entry.key == key).map(|entry| self.below(entry))
    }

    /// Keys and values of a mapping; nothing for anything else.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, Self)> {
        self.raw_entries().iter().map(|entry| (entry.key.as_str(), self.below(entry)))
    }

    fn raw_entries(&self) -> &'a [Entry] {
        match &self.node.kind {
            NodeKind::Mapping(entries) => entries,
            NodeKind::Null | NodeKind::Scalar(_) | NodeKind::List(_) => &[],
        }
    }

    fn below(&self, entry: &'a Entry) -> Self {
        let key = Some((entry.key.as_str(), entry.key_span));
        Self { node: &entry.value, is_item: false, key, path: join(&self.path, &entry.key) }
    }

    /// The values of a list; nothing for anything else.
    pub(crate) fn items(&self) -> impl Iterator<Item = Self> {
        let items = match &self.node.kind {
            NodeKind::List(items) => items.as_slice(),
            NodeKind::Null | NodeKind::Scalar(_) | NodeKind::Mapping(_) => &[],
        };
        let (path, key) = (self.path.clone(), self.key);
        items.iter().enumerate().map(move |(index, node)| Self {
            node,
            is_item: true,
            key,
            path: format!("{path}[{index}]"),
        })
    }

    /// The place at the end of a path, or where the path leaves the document.
    pub(crate) fn find(&self, path: &[&str]) -> Self {
        let mut place = self.clone();
        for key in path {
            match place.get(key) {
                Some(next) => place = next,
                None => break,
            }
        }
        place
    }

    /// The value if it is a scalar, else its key: nobody wants a page underlined.
    pub(crate) fn spot(&self) -> Spot {
        match (&self.node.kind, self.key) {
            (NodeKind::Scalar(text), _) => {
                Spot { span: self.node.span, path: self.path.clone(), value: Some(text.clone()) }
            }
            (NodeKind::List(_), _) if self.node.span.line == self.key_line() => {
                Spot { span: self.node.span, path: self.path.clone(), value: None }
            }
            (NodeKind::Null | NodeKind::List(_) | NodeKind::Mapping(_), Some(_)) => self.key_spot(),
            (NodeKind::Null | NodeKind::List(_) | NodeKind::Mapping(_), None) => {
                let span = Span { end: self.node.span.start, ..self.node.span };
                Spot { span, path: self.path.clone(), value: None }
            }
        }
    }

    fn key_line(&self) -> usize {
        self.key.map_or(0, |(_, span)| span.line)
    }

    /// The key.
    pub(crate) fn key_spot(&self) -> Spot {
        let (value, span) = match self.key {
            Some((key, span)) => (Some(key.to_owned()), span),
            None => (None, Span { end: self.node.span.start, ..self.node.span }),
        };
        Spot { span, path: self.path.clone(), value }
    }
}

fn join(path: &str, key: &str) -> String {
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    match (path.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{key:?}]"),
    }
}

/// The problems found so far.
#[derive(Debug)]
pub(crate) struct Problems {
    file: String,
    list: Vec<Problem>,
}

/// A problem that was just added.
pub(crate) struct Added<'a>(&'a mut Problem);

impl Added<'_> {
    /// Points at the other place of a conflict.
    pub(crate) fn other(self, span: Span, label: impl Into<String>) {
        self.0.other = Some((span, label.into()));
    }

    /// Keeps a stretch of the text out of reports.
    pub(crate) fn hide(self, secret: Span) {
        self.0.secret = Some(secret);
    }
}

impl Problems {
    /// None yet.
    pub(crate) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), list: Vec::new() }
    }

    /// Refuses the spec.
    pub(crate) fn error(
        &mut self,
        code: Code,
        spot: Spot,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Added<'_> {
        self.add(Severity::Error, code, spot, (message.into(), help.into()))
    }

    /// Asks a person to look.
    pub(crate) fn warning(
        &mut self,
        code: Code,
        spot: Spot,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Added<'_> {
        self.add(Severity::Warning, code, spot, (message.into(), help.into()))
    }

    /// Either, by a severity that depends on the profile.
    pub(crate) fn add(
        &mut self,
        severity: Severity,
        code: Code,
        spot: Spot,
        (message, help): (String, String),
    ) -> Added<'_> {
        let Spot { span, path, value } = spot;
        let file = self.file.clone();
        self.list.push(Problem {
            code,
            severity,
            file,
            span,
            path,
            value,
            message,
            help,
            other: None,
            secret: None,
        });
        Added(self.list.last_mut().expect("one was just pushed"))
    }

    /// Whether this very place could not be read. What is missing in it is not counted.
    pub(crate) fn any_error_at(&self, path: &str) -> bool {
        let blocks =
            |problem: &Problem| problem.severity == Severity::Error && problem.code != Code::MissingKey;
        self.list.iter().any(|problem| blocks(problem) && problem.path == path)
    }

    /// Whether anything at or below a path could not be read, so that rules about it would guess.
    pub(crate) fn any_error_below(&self, path: &str) -> bool {
        self.list.iter().any(|problem| {
            problem.severity == Severity::Error
                && problem
                    .path
                    .strip_prefix(path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// All, in the order of the text.
    pub(crate) fn sorted(self) -> Vec<Problem> {
        let mut list = self.list;
        list.sort_by(|a, b| {
            (a.span, a.severity, a.code, &a.path).cmp(&(b.span, b.severity, b.code, &b.path))
        });
        list
    }
}
