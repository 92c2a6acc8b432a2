//! The wish to stop: Ctrl-C, SIGTERM, or a terminal that is closed (SIGHUP).

use tokio::sync::watch;

/// Remembers that the user wants to stop, from the first signal on.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Starts listening for signals.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn listen() -> std::io::Result<Self> {
        let (to, from) = watch::channel(false);
        #[cfg(unix)]
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        // Without it, closing the terminal would end this process alone, and leave the handler behind.
        #[cfg(unix)]
        let mut hang_up = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        #[cfg(unix)]
        let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
        tokio::spawn(async move {
            #[cfg(unix)]
            tokio::select! {
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
                _ = interrupt.recv() => {}
            }
            #[cfg(not(unix))]
            let _ = tokio::signal::ctrl_c().await;
            to.send_replace(true);
            // Kept until the process ends, so that waiting never mistakes a closed channel for a signal.
            to.closed().await;
        });
        Ok(Self(from))
    }

    /// Waits for the first signal; returns at once after it.
    pub(super) async fn wait(&self) {
        let _ = self.0.clone().wait_for(|stop| *stop).await;
    }
}
