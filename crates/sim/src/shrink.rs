//! Makes a failing history short: takes out commands and shortens pauses for as long as it still fails.

use std::time::Duration;

use crate::command::Command;
use crate::history::History;

/// The shortest history found that still fails in the same way; at most `tries` are played.
pub(crate) fn shrink(history: &History, tries: usize, mut fails: impl FnMut(&History) -> bool) -> History {
    let mut best = history.clone();
    let mut left = tries;
    let mut attempt = |candidate: History, best: &mut History| {
        if left == 0 {
            return false;
        }
        left -= 1;
        let shorter = fails(&candidate);
        if shorter {
            *best = candidate;
        }
        shorter
    };
    // Big pieces first: most of a random history has nothing to do with its failure.
    let mut piece = best.commands.len().div_ceil(2).max(1);
    loop {
        let mut start = 0;
        let mut progressed = false;
        while start < best.commands.len() {
            let mut candidate = best.clone();
            let end = (start + piece).min(candidate.commands.len());
            candidate.commands.drain(start..end);
            if attempt(candidate, &mut best) {
                progressed = true;
            } else {
                start += piece;
            }
        }
        if piece == 1 && !progressed {
            break;
        }
        piece = if progressed { piece } else { piece.div_ceil(2).max(1) };
        piece = piece.min(best.commands.len().max(1));
    }
    for place in 0..best.commands.len() {
        while let Command::Run(time) = best.commands[place] {
            let shorter = Duration::from_millis(u64::try_from(time.as_millis() / 2).unwrap_or(0));
            let mut candidate = best.clone();
            candidate.commands[place] = Command::Run(shorter);
            if shorter.is_zero() || !attempt(candidate, &mut best) {
                break;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(lines: &[&str]) -> History {
        History::parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn only_what_the_failure_needs_is_left() {
        let long = history(&[
            "hosts 3",
            "up",
            "run 8s",
            "kill nodes-1",
            "run 4s",
            "cut h1 -> h2",
            "kill server",
            "heal",
            "run 1s",
            "kill nodes-2",
            "start server",
            "settle",
        ]);
        let needs = |history: &History| {
            let text = history.to_string();
            text.contains("kill server") && text.contains("run") && text.contains("kill nodes-2")
        };
        let short = shrink(&long, 1000, needs);
        assert_eq!(short.commands.len(), 3, "{short}");
        assert!(needs(&short));
        assert!(short.to_string().contains("run 1ms"), "{short}");
    }

    #[test]
    fn a_bound_on_tries_is_kept() {
        let long = history(&["up"; 64]);
        let mut played = 0;
        shrink(&long, 10, |_| {
            played += 1;
            false
        });
        assert_eq!(played, 10);
    }
}
