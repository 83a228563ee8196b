//! Small programs for the demonstration, on machines that have nothing but ordu itself.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::output;

/// After a take-over the predecessor may hold the port for the moment its keeper needs to end it.
const BIND_TIME: Duration = Duration::from_secs(5);

/// A web server that says who it is.
pub(crate) fn web(listen: SocketAddr) -> Result<(), Failure> {
    let listener = bind(listen)?;
    say(&format!("listening on http://{listen}/"));
    for stream in listener.incoming() {
        let told = stream.and_then(answer);
        match told {
            Ok(path) => say(&format!("GET {}", ordu::printable(&path))),
            Err(error) => output::say(format!("a caller was lost: {error}")),
        }
    }
    Ok(())
}

/// Says something on standard output. A server that nobody listens to serves on.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

fn bind(listen: SocketAddr) -> Result<TcpListener, Failure> {
    let deadline = Instant::now() + BIND_TIME;
    loop {
        match TcpListener::bind(listen) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            bound => return bound.map_err(|error| Failure::failed(format!("{listen}: {error}"))),
        }
    }
}

fn answer(mut stream: TcpStream) -> std::io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The head of the request ends with an empty line; closing before it was read would reset the caller.
    for line in lines.by_ref().take(100) {
        if line?.is_empty() {
            break;
        }
    }
    let variable = |name| std::env::var(name).unwrap_or_else(|_| "?".into());
    let body = format!(
        "Child {} on node {}, process {}, epoch {}.\n",
        variable("ORDU_ID"),
        variable("ORDU_NODE"),
        std::process::id(),
        variable("ORDU_EPOCH"),
    );
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes())?;
    Ok(request.split(' ').nth(1).unwrap_or("?").to_owned())
}
