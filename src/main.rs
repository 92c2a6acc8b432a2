//! The `defender-relay` program: reads the environment once, and does what the command line asks for.

use std::process::ExitCode;

use defender_relay::cli;
use defender_relay::settings::Values;

/// musl's own allocator is slow with several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// One thread: what is done per batch takes microseconds, and waking a second thread for each step of it costs more than that. Sends to
// several destinations still overlap, and the host runs more instances where one core is not enough.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    cli::run(std::env::args_os(), environment()).await
}

/// The environment; what is no UTF-8 is no setting of ours.
fn environment() -> Values {
    Values::new(
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
    )
}
