//! The whole program as a process, over real loopback sockets: start to first reply, CPU per alert, peak memory.
//!
//! Run with `cargo bench --bench process`. Linux only: it reads `/proc`.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]
#![expect(clippy::zombie_processes, reason = "dropping a Process waits for it")]

#[path = "support/alerts.rs"]
mod alerts;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A sink that takes every HTTP request at once, and reads no more of it than it must.
fn sink() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut buffer = vec![0; 1 << 20];
                let (mut head, mut left) = (Vec::new(), 0_usize);
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    if left == 0 {
                        head.extend_from_slice(&buffer[..length]);
                        let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
                        let text = String::from_utf8_lossy(&head[..end]).to_lowercase();
                        let wanted: usize =
                            text.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
                        left = wanted.saturating_sub(head.len() - end - 4);
                        head.clear();
                    } else {
                        left = left.saturating_sub(length);
                    }
                    if left == 0 {
                        let reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"text\":\"Success\",\"code\":0}";
                        stream.write_all(reply).unwrap();
                    }
                }
            });
        }
    });
    port
}

struct Process {
    child: Child,
    port: u16,
    first_reply: Duration,
}

impl Process {
    fn start(settings: &[(&str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let started = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_defender-relay"))
            .env_clear()
            .envs(settings.iter().copied())
            .env("LOG_LEVEL", "warn")
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        loop {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
                stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
                let mut reply = Vec::new();
                stream.read_to_end(&mut reply).unwrap();
                assert!(reply.starts_with(b"HTTP/1.1 200"));
                return Self { child, port, first_reply: started.elapsed() };
            }
            std::hint::spin_loop();
        }
    }

    /// User and system time so far, in seconds.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }

    /// Peak resident memory in MB.
    fn peak(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Posts the invocation again and again for about `length`; how many.
fn drive(port: u16, body: &[u8], length: Duration) -> u32 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    let head = format!(
        "POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), body].concat();
    let mut reply = vec![0; 1 << 16];
    let (started, mut count) = (Instant::now(), 0);
    while started.elapsed() < length {
        stream.write_all(&request).unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"null}") {
            let length = stream.read(&mut reply).unwrap();
            assert!(length > 0);
            got.extend_from_slice(&reply[..length]);
        }
        assert!(got.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&got));
        count += 1;
    }
    count
}

fn main() {
    let sink = format!("http://127.0.0.1:{}", sink());
    let base = [
        ("DESTINATIONS", "splunk"),
        ("SPLUNK__URL", &sink),
        ("SPLUNK__TOKEN", "bench"),
        ("SPLUNK__ACK", "off"),
        ("STATE__URL", "memory:"),
    ];
    let mut starts: Vec<Duration> = (0..21).map(|_| Process::start(&base).first_reply).collect();
    starts.sort();
    println!("start to first reply: median {:?}, least {:?}", starts[10], starts[0]);
    println!("idle memory: {:.1} MB", Process::start(&base).peak());
    println!("{:>6} {:>6} {:>10} {:>10} {:>16} {:>9}", "gzip", "N", "alerts/s", "MB/s", "CPU s/M alerts", "peak MB");
    for gzip in ["false", "true"] {
        for count in [1, 10, 100, 1000] {
            let bodies = alerts::alerts(count);
            let bytes: usize = bodies.iter().map(Vec::len).sum();
            let invocation = alerts::invocation(&bodies);
            let mut settings = base.to_vec();
            settings.push(("SPLUNK__GZIP", gzip));
            let process = Process::start(&settings);
            drive(process.port, &invocation, Duration::from_millis(500));
            let (cpu, started) = (process.cpu(), Instant::now());
            let runs = drive(process.port, &invocation, Duration::from_millis(2500));
            let (seconds, cpu) = (started.elapsed().as_secs_f64(), process.cpu() - cpu);
            let alerts = f64::from(runs) * count as f64;
            println!(
                "{gzip:>6} {count:>6} {:>10.0} {:>10.1} {:>16.1} {:>9.1}",
                alerts / seconds,
                f64::from(runs) * bytes as f64 / seconds / 1e6,
                cpu / alerts * 1e6,
                process.peak()
            );
        }
    }
}
