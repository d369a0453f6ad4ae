//! The relay of a social key recovery system: an untrusted store-and-forward for sealed messages.
//!
//! It knows three things, each locked by a hash: *mailboxes* (who knows the id may post, who holds the token may
//! read), *slots* (who knows the id may read, who holds the token may write) and *holds* (a message posted under
//! one waits, and who holds the token may drop it). It has no accounts and opens nothing.
//!
//! # The map, in reading order
//! [`config`] every setting → [`Relay`] store, writing thread, clock, time keeper → [`app`] the calls, one file per
//! kind under `api/` → [`ratelimit`] how often → `commit` many writers, one sync → [`store`] what is kept, and the
//! contract of the
//! backends → `answers`, `waiters` what readers get → `keeper` what time does → [`notify`] who is told that
//! something waits → `server` the socket, and TLS → `metrics`, [`checks`] how it fares.
//!
//! # Example
//! ```
//! use recovery_relay::{Relay, config::{Config, StorePlace}};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let running = Relay::start(Config::on_free_port(StorePlace::Memory)).await?;
//! assert!(running.url().starts_with("http://127.0.0.1:"));
//! running.stop().await?;
//! # Ok(())
//! # }
//! ```

#[cfg(recovery_planted)]
compile_error!("planted faults are for the simulated world alone: no program has them");

pub mod checks;
pub mod clock;
pub mod config;
pub mod limits;
pub mod notify;
pub mod ratelimit;
pub mod store;

mod answers;
mod api;
mod commit;
mod keeper;
mod metrics;
mod relay;
mod server;
mod waiters;

pub use api::{app, description};
pub use commit::WriteError;
pub use config::Config;
pub use relay::Relay;
pub use server::Running;
