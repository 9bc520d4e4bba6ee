//! What the end-to-end stories are made of: the product in a folder of its own, clients that Klamm's people did not
//! write, strangers, and a look at the machine's processes.
//!
//! It must never use the product's own client or model to judge the product: commands, files, listeners and foreign
//! clients only (certificates of strangers are made with `klamm-pki`, as they must look like ours). Start at
//! [`Product`]; the stories are in `tests/`.

mod clients;
mod java_tools;
mod load;
mod poll;
mod ports;
mod process_list;
mod product;
mod python;
mod status;
mod story;
mod stranger;
mod writes;

pub use clients::{ClientFiles, Format};
pub use java_tools::JavaTools;
pub use load::{Load, Written};
pub use poll::{poll, poll_every};
pub use ports::with_own_ports;
pub use process_list::{Listening, Process, Role, is_of_throwaway};
pub use product::{Product, Ran};
pub use python::Python;
pub use status::{Node, Status};
pub use story::{Case, Missing, tell};
pub use stranger::{Answer, Papers, VERSIONS, call_plain, call_tls};
pub use writes::Writes;
