//! Each command with its whole output against a server of the tests, at 80 and at 200 columns.

mod support;

use support::{Answer, FakeServer, healthy, klamm, troubled};

