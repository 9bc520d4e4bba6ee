//! Server-sent events of a run: each `data:` is the run as a whole.

use std::collections::VecDeque;

use klamm_core::api::RunView;
use reqwest::Response;

use crate::error::CliError;

/// The run at each change. [`RunEvents::next`] may be dropped at any point without losing an event.
pub(crate) struct RunEvents {
    path: String,
    response: Response,
    text: EventText,
}

impl RunEvents {
    pub(super) fn new(path: String, response: Response) -> Self {
        Self { path, response, text: EventText::default() }
    }

    /// The next view; none when the server has said the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<RunView>, CliError> {
        loop {
            if let Some(document) = self.text.complete.pop_front() {
                let view = serde_json::from_str(&document);
                return view.map(Some).map_err(|source| CliError::Answer { path: self.path.clone(), source });
            }
            let piece = self.response.chunk().await;
            match piece.map_err(|source| CliError::Talk { path: self.path.clone(), source })? {
                Some(piece) => self.text.take_in(&piece),
                None => return Ok(None),
            }
        }
    }
}

/// The event stream's text, cut into the data of whole events.
#[derive(Debug, Default)]
struct EventText {
    rest: Vec<u8>,
    data: String,
    complete: VecDeque<String>,
}

impl EventText {
    fn take_in(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                if !self.data.is_empty() {
                    self.complete.push_back(std::mem::take(&mut self.data));
                }
            } else if let Some(data) = line.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_whole_however_the_bytes_are_cut() {
        let stream =
            b": hello\n\ndata: {\"a\":\ndata: \"\xc3\xa4\"}\n\nevent: x\ndata:2\r\n\r\ndata: unfinished";
        for size in 1..stream.len() {
            let mut text = EventText::default();
            stream.chunks(size).for_each(|piece| text.take_in(piece));
            assert_eq!(text.complete, ["{\"a\":\n\"ä\"}", "2"], "pieces of {size}");
        }
    }
}
