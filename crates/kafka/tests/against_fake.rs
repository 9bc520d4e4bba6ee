//! Tests against brokers made of the same codec, which do what real ones rarely do.

#[path = "against_fake/codec_oracle.rs"]
mod codec_oracle;
#[path = "against_fake/connection.rs"]
mod connection;
#[path = "against_fake/consume.rs"]
mod consume;
#[path = "against_fake/fake_broker.rs"]
mod fake_broker;
#[path = "against_fake/tls.rs"]
mod tls;
