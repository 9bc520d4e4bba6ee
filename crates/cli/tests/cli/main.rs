//! Each command with its whole output, against a server of the tests on a Unix socket.

mod fake_server;
mod files;
mod helps;
mod kafka;
mod looks;
mod past;
mod past_world;
mod program;
mod runs;
mod world;
