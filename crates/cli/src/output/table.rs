//! Tables without borders that fit the terminal: columns that matter less are left out before anything wraps.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, Color, ContentArrangement};

use super::Tone;

/// Between two columns.
const GAP: u16 = 2;

/// Whether a column may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Never left out.
    Always,
    /// Left out when there is no room; the highest number first.
    WithRoom(u8),
}

/// A cell's text and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    text: String,
    tone: Tone,
}

impl Field {
    /// Text without a meaning of its own.
    pub(crate) fn plain(text: impl ToString) -> Self {
        Self::toned(text, Tone::Plain)
    }

    /// Text that means something.
    pub(crate) fn toned(text: impl ToString, tone: Tone) -> Self {
        Self { text: text.to_string(), tone }
    }

    /// What is there, or `?` for what is not known.
    pub(crate) fn known(text: Option<impl ToString>) -> Self {
        text.map_or_else(|| Self::toned("?", Tone::Quiet), Self::plain)
    }
}

/// Rows under titles.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Keep)>,
    rows: Vec<Vec<Field>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new(columns: &[(&'static str, Keep)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, one field a column.
    pub(crate) fn row<const N: usize>(&mut self, fields: [Field; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.rows.push(fields.into());
    }

    /// The table's lines, no wider than `width` where there is one, and a last line that names what was left out.
    pub(crate) fn render(&self, width: Option<usize>, color: bool) -> String {
        let kept = self.fitting_columns(width);
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if let Some(width) = width {
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        if color {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        table.set_header(kept.iter().map(|index| self.columns[*index].0));
        for row in &self.rows {
            table.add_row(kept.iter().map(|index| cell(&row[*index])));
        }
        let last = kept.len().saturating_sub(1);
        for (place, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if place == last { 0 } else { GAP }));
        }
        let mut text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let left_out: Vec<_> = (0..self.columns.len())
            .filter(|index| !kept.contains(index))
            .map(|index| self.columns[index].0.to_lowercase())
            .collect();
        if !left_out.is_empty() {
            text.push_str(&format!("(no room for {}; --output json has everything)\n", left_out.join(", ")));
        }
        text
    }

    /// The columns for which there is room, in order.
    fn fitting_columns(&self, width: Option<usize>) -> Vec<usize> {
        let mut kept: Vec<usize> = (0..self.columns.len()).collect();
        let Some(width) = width else { return kept };
        while self.natural_width(&kept) > width {
            let rank = |index: &usize| match self.columns[*index].1 {
                Keep::Always => None,
                Keep::WithRoom(rank) => Some(rank),
            };
            let droppable = kept.iter().filter_map(|index| Some((rank(index)?, *index))).max();
            let Some((_, index)) = droppable else { break };
            kept.retain(|kept| *kept != index);
        }
        kept
    }

    fn natural_width(&self, kept: &[usize]) -> usize {
        let width_of = |index: &usize| {
            let fields = self.rows.iter().map(|row| row[*index].text.chars().count());
            fields.chain([self.columns[*index].0.len()]).max().unwrap_or(0)
        };
        kept.iter().map(width_of).sum::<usize>() + usize::from(GAP) * kept.len().saturating_sub(1)
    }
}

fn cell(field: &Field) -> Cell {
    let cell = Cell::new(&field.text);
    match field.tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Notice => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed),
        Tone::Quiet => cell.fg(Color::DarkGrey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[
            ("NODE", Keep::Always),
            ("STAGE", Keep::Always),
            ("HOST", Keep::WithRoom(1)),
            ("PATH", Keep::WithRoom(2)),
        ]);
        table.row([
            Field::plain("nodes-0"),
            Field::plain("ready"),
            Field::plain("here"),
            Field::plain("/srv/kafka/d1"),
        ]);
        table.row([
            Field::plain("nodes-1"),
            Field::known(None::<String>),
            Field::plain("there"),
            Field::plain("/srv"),
        ]);
        table
    }

    #[test]
    fn what_matters_least_is_left_out_first_and_named() {
        insta::assert_snapshot!(table().render(None, false), @"
        NODE     STAGE  HOST   PATH
        nodes-0  ready  here   /srv/kafka/d1
        nodes-1  ?      there  /srv
        ");
        insta::assert_snapshot!(table().render(Some(30), false), @"
        NODE     STAGE  HOST
        nodes-0  ready  here
        nodes-1  ?      there
        (no room for path; --output json has everything)
        ");
    }

    #[test]
    fn only_what_must_stay_wraps() {
        let mut table = Table::new(&[("NODE", Keep::Always), ("STAGE", Keep::Always)]);
        table.row([Field::plain("nodes-0"), Field::plain("blocked: the disk of nodes-0 is full, make room")]);
        let text = table.render(Some(30), false);
        assert!(text.lines().all(|line| line.len() <= 30), "{text}");
        assert!(text.lines().count() > 2);
    }
}
