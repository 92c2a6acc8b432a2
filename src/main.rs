//! The `defender-relay` program.

use std::process::ExitCode;

use defender_relay::settings::Values;

/// musl's own allocator is slow with several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
async fn main() -> anyhow::Result<ExitCode> {
    defender_relay::serve::serve(Values::new(std::env::vars())).await
}
