//! The handler as a child process: started, watched and restarted as the Functions host does it.
//!
//! Source: the host's `HttpFunctionInvocationDispatcher` and `HttpWorkerProcess`. Exit code 0 is never restarted, 200 always, anything
//! else at once, up to three errors no more than half an hour apart. It is stopped by SIGKILL, without a word.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::Instant;

use super::console::Console;

/// Errors after which the host stops.
const MOST_ERRORS: usize = 3;
/// A pause between two errors that clears their count.
const CALM: Duration = Duration::from_secs(30 * 60);
/// How often the host asks whether the handler is ready.
const POLL: Duration = Duration::from_millis(25);

/// How to start the handler.
#[derive(Debug)]
pub struct Launch {
    /// Settings on top of the inherited environment, or instead of it.
    pub settings: Vec<(String, String)>,
    /// Whether this process's environment is inherited.
    pub inherit: bool,
    /// The script root, for `FUNCTIONS_APP_ROOT_PATH`.
    pub root: String,
    /// How long it may take to become ready.
    pub start_timeout: Duration,
}

/// What the handler is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Starting,
    Ready,
    Gone(String),
}

/// A running handler. Dropping it kills the child.
#[derive(Debug)]
pub struct Handler {
    port: u16,
    restarts: Arc<AtomicUsize>,
    state: watch::Receiver<State>,
    watcher: tokio::task::JoinHandle<()>,
}

impl Handler {
    /// Starts this very executable as the handler, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free or the executable cannot be started.
    pub async fn start(launch: Launch, client: reqwest::Client, console: Arc<Console>) -> anyhow::Result<Self> {
        let port = tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let (to, state) = watch::channel(State::Starting);
        let executable = std::env::current_exe().context("the path of this executable is unknown")?;
        let child = spawn(&executable, &launch, port, &console)?;
        let restarts = Arc::new(AtomicUsize::new(0));
        let started_again = restarts.clone();
        let watcher = tokio::spawn(async move {
            let restart = || {
                started_again.fetch_add(1, Ordering::Relaxed);
                to.send_replace(State::Starting);
                spawn(&executable, &launch, port, &console)
            };
            let ready = || drop(to.send_replace(State::Ready));
            let reason = match keep_alive(child, launch.start_timeout, port, &client, restart, ready, &console).await {
                Ok(reason) => reason,
                Err(error) => format!("{error:#}"),
            };
            to.send_replace(State::Gone(reason));
        });
        Ok(Self { port, restarts, state, watcher })
    }

    /// How often it was started again.
    #[must_use]
    pub fn restarts(&self) -> usize {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Base URL of the handler.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// Waits until the handler is ready.
    ///
    /// # Errors
    /// When it is gone for good, with the reason.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let mut state = self.state.clone();
        let state = state.wait_for(|state| *state != State::Starting).await.context("the handler's watcher ended")?;
        match &*state {
            State::Gone(reason) => bail!("{reason}"),
            _ => Ok(()),
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

fn spawn(executable: &std::path::Path, launch: &Launch, port: u16, console: &Arc<Console>) -> anyhow::Result<Child> {
    let port = port.to_string();
    let worker = super::invocation::guid();
    let mut command = Command::new(executable);
    if !launch.inherit {
        command.env_clear();
    }
    command
        .envs(launch.settings.iter().map(|(name, value)| (name, value)))
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", &port)
        .env("FUNCTIONS_HTTPWORKER_PORT", &port)
        .env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &worker)
        .env("FUNCTIONS_HTTPWORKER_ID", &worker)
        .env("FUNCTIONS_APP_ROOT_PATH", &launch.root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // Ctrl-C at a terminal goes to the whole process group; the handler must outlive it until the summary is asked for.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().context("the handler cannot be started")?;
    if let Some(stdout) = child.stdout.take() {
        tokio::spawn(relay_lines(stdout, console.clone(), false));
    }
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(relay_lines(stderr, console.clone(), true));
    }
    Ok(child)
}

async fn relay_lines(stream: impl AsyncRead + Unpin, console: Arc<Console>, stderr: bool) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        console.handler_line(&line, stderr);
    }
}

/// Watches and restarts the child until it is gone for good; the reason why it is.
async fn keep_alive(
    mut child: Child,
    start_timeout: Duration,
    port: u16,
    client: &reqwest::Client,
    restart: impl Fn() -> anyhow::Result<Child>,
    ready: impl Fn(),
    console: &Console,
) -> anyhow::Result<String> {
    let mut errors: Vec<Instant> = Vec::new();
    loop {
        let exit = tokio::select! {
            exit = child.wait() => Some(exit?),
            is_ready = wait_ready(client, port, start_timeout) => {
                if is_ready {
                    ready();
                    Some(child.wait().await?)
                } else {
                    child.kill().await?;
                    None
                }
            }
        };
        let what = match exit.map(|exit| (exit, exit.code())) {
            Some((_, Some(0))) => {
                return Ok("the handler ended with exit code 0, which the host never restarts".to_owned());
            }
            Some((_, Some(200))) => None,
            Some((exit, _)) => Some(format!("the handler ended ({exit})")),
            None => Some(format!("the handler did not answer GET / within {start_timeout:?}")),
        };
        if let Some(what) = what {
            let now = Instant::now();
            if errors.last().is_some_and(|last| now - *last > CALM) {
                errors.clear();
            }
            errors.push(now);
            if errors.len() >= MOST_ERRORS {
                return Ok(format!("{what} for the third time; the host stops here"));
            }
            console.warn(&format!("{what}; restarting it"));
        }
        child = restart()?;
    }
}

/// Any HTTP reply to `GET /` means ready.
async fn wait_ready(client: &reqwest::Client, port: u16, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        let ask = client.get(format!("http://127.0.0.1:{port}/")).timeout(within).send();
        if ask.await.is_ok() {
            return true;
        }
        tokio::time::sleep(POLL).await;
    }
    false
}
