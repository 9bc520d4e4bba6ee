//! YAML into a tree whose every node knows its place. The only file that touches the YAML library.
//!
//! Values stay text (`4.3`, `no` and `0644` are what was written); anchors, aliases and merge keys work; duplicate
//! keys are found here, with both places.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span as YamlSpan};

use crate::problem::Span;

/// Deeper than any spec; keeps recursion far from the end of a thread's stack.
const DEEPEST: usize = 64;
/// Room for thirty thousand topics; bounds what aliases can multiply.
const MOST_NODES: usize = 500_000;
/// A spec is written by hand. 4 MiB is a hundred thousand lines.
const LONGEST: usize = 4 << 20;

/// One value of the document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: NodeKind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum NodeKind {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// Text, number or boolean, as written.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order of the text; no key twice.
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// What is wrong with the text itself.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Reading stopped here.
    Syntax { span: Span, message: String, help: &'static str },
    /// A key stands twice; the first one counts.
    Duplicate { key: String, span: Span, first: Span },
}

/// Reads a text. No node if it is not one YAML document.
pub(crate) fn parse(text: &str) -> (Option<Node>, Vec<Fault>) {
    if text.len() > LONGEST {
        let message = format!("the spec is {} bytes long, which is more than 4 MiB", text.len());
        let help = "write one cluster per file";
        return (None, vec![Fault::Syntax { span: START, message, help }]);
    }
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        duplicates: Vec::new(),
        nodes: 0,
        here: START,
    };
    let outcome = builder.document();
    let mut faults = builder.duplicates;
    match outcome {
        Ok(node) => (Some(node), faults),
        Err(fault) => {
            faults.push(fault);
            (None, faults)
        }
    }
}

const START: Span = Span { start: 0, end: 0, line: 1, column: 1 };

type Next<'a> = (Event<'a>, Span);

struct Builder<'a> {
    parser: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    anchors: BTreeMap<usize, Node>,
    duplicates: Vec<Fault>,
    nodes: usize,
    here: Span,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Node, Fault> {
        let first = loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::StreamEnd | Event::DocumentEnd) {
                return Err(stop(span, "the spec is empty", "run `klamm init` for one to begin with"));
            }
            if !matches!(event, Event::StreamStart | Event::DocumentStart(..)) {
                break (event, span);
            }
        };
        let root = self.node(first, 0)?;
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::StreamEnd) {
                return Ok(root);
            }
            if matches!(event, Event::DocumentStart(..)) {
                return Err(stop(
                    span,
                    "a second YAML document begins here",
                    "write one cluster per file and leave out `---`",
                ));
            }
        }
    }

    /// The next event that carries meaning.
    fn next(&mut self) -> Result<Next<'a>, Fault> {
        loop {
            let (event, span) = match self.parser.next_event() {
                Some(Ok((event, span))) => (event, located(&span)),
                Some(Err(error)) => return Err(scan_fault(&error, self.here)),
                None => (Event::StreamEnd, self.here),
            };
            self.here = Span { start: span.end, ..span };
            if !matches!(event, Event::Comment(..) | Event::Anchor(..)) {
                return Ok((event, span));
            }
        }
    }

    fn node(&mut self, (event, span): Next<'a>, depth: usize) -> Result<Node, Fault> {
        self.count(1, span)?;
        if depth > DEEPEST {
            return Err(too_deep(span));
        }
        if let Some(tag) = event.tag().filter(|tag| !tag.is_yaml_core_schema()) {
            let message = format!("the tag `{}` means nothing in a spec", tag.original());
            return Err(stop(span, message, "leave the tag out"));
        }
        let anchor = event.anchor_id().filter(|id| *id != 0);
        let node = if let Event::Scalar(text, style, ..) = event {
            let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
            let kind = if null { NodeKind::Null } else { NodeKind::Scalar(text.into_owned()) };
            Node { span, kind }
        } else if matches!(event, Event::SequenceStart(..)) {
            self.list(span, depth)?
        } else if matches!(event, Event::MappingStart(..)) {
            self.mapping(span, depth)?
        } else if let Event::Alias(id) = event {
            self.alias(id, span, depth)?
        } else {
            return Err(stop(span, "a value was expected here", "write a value"));
        };
        if let Some(id) = anchor {
            self.anchors.insert(id, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, span: Span, depth: usize) -> Result<Node, Fault> {
        // An anchor is known only after its node: this one is inside itself.
        let inside = || stop(span, "the alias stands inside its own anchor", "write the value out");
        let node = self.anchors.get(&id).cloned().ok_or_else(inside)?;
        let (nodes, height) = measure(&node);
        self.count(nodes, span)?;
        if depth + height > DEEPEST {
            return Err(too_deep(span));
        }
        Ok(node)
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node, Fault> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Node {
                    span: Span { end: span.end.max(start.end), ..start },
                    kind: NodeKind::List(items),
                });
            }
            items.push(self.node((event, span), depth + 1)?);
        }
    }

    fn mapping(&mut self, start: Span, depth: usize) -> Result<Node, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut known: BTreeMap<String, Span> = BTreeMap::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                // What is written here wins over what is merged in.
                merged.retain(|entry| !known.contains_key(&entry.key));
                entries.append(&mut merged);
                let span = Span { end: span.end.max(start.end), ..start };
                return Ok(Node { span, kind: NodeKind::Mapping(entries) });
            }
            let key_node = self.node((event, span), depth + 1)?;
            let key_span = key_node.span;
            let key = match key_node.kind {
                NodeKind::Scalar(text) => text,
                NodeKind::Null => {
                    return Err(stop(key_span, "the key is empty", "write the key before the colon"));
                }
                NodeKind::List(_) | NodeKind::Mapping(_) => {
                    return Err(stop(key_span, "a key must be plain text", "write a name before the colon"));
                }
            };
            let next = self.next()?;
            let value = self.node(next, depth + 1)?;
            if key == "<<" {
                merge(value, &mut merged)?;
            } else if let Some(first) = known.get(&key) {
                self.duplicates.push(Fault::Duplicate { key, span: key_span, first: *first });
            } else {
                known.insert(key.clone(), key_span);
                entries.push(Entry { key, key_span, value });
            }
        }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            let message = format!("the spec has more than {MOST_NODES} values");
            return Err(stop(span, message, "check the aliases: each multiplies what it names"));
        }
        Ok(())
    }
}

/// Takes over the entries of a mapping, or of a list of mappings, the earlier winning.
fn merge(value: Node, merged: &mut Vec<Entry>) -> Result<(), Fault> {
    let span = value.span;
    match value.kind {
        NodeKind::Mapping(entries) => {
            for entry in entries {
                if !merged.iter().any(|known| known.key == entry.key) {
                    merged.push(entry);
                }
            }
            Ok(())
        }
        NodeKind::List(items) if items.iter().all(|item| matches!(item.kind, NodeKind::Mapping(_))) => {
            items.into_iter().try_for_each(|item| merge(item, merged))
        }
        NodeKind::Null | NodeKind::Scalar(_) | NodeKind::List(_) => Err(stop(
            span,
            "`<<` merges mappings only",
            "write an alias of a mapping, for example `<<: *base`",
        )),
    }
}

/// How many nodes, and how many levels.
fn measure(node: &Node) -> (usize, usize) {
    let add =
        |(nodes, height): (usize, usize), (more, high): (usize, usize)| (nodes + more, height.max(high + 1));
    match &node.kind {
        NodeKind::Null | NodeKind::Scalar(_) => (1, 0),
        NodeKind::List(items) => items.iter().map(measure).fold((1, 0), add),
        NodeKind::Mapping(entries) => entries.iter().map(|entry| measure(&entry.value)).fold((1, 0), add),
    }
}

fn stop(span: Span, message: impl Into<String>, help: &'static str) -> Fault {
    Fault::Syntax { span, message: message.into(), help }
}

fn too_deep(span: Span) -> Fault {
    stop(
        span,
        format!("the spec is nested deeper than {DEEPEST} levels"),
        "check the brackets and the indentation",
    )
}

fn located(span: &YamlSpan) -> Span {
    let start = span.start.byte_offset().unwrap_or_default();
    Span {
        start,
        end: span.end.byte_offset().unwrap_or(start).max(start),
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

fn scan_fault(error: &ScanError, here: Span) -> Fault {
    let marker = error.marker();
    let start = marker.byte_offset().unwrap_or(here.start);
    let span = Span { start, end: start, line: marker.line(), column: marker.col() + 1 };
    stop(
        span,
        format!("this is not YAML: {}", error.info()),
        "check indentation, quotes and brackets around here",
    )
}
