//! Where entries come from: files, the standard input, files that grow, and connections of audit devices.

use std::fs::File;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, channel};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use probity_gate_vault::audit::device::{self, Handle};
use probity_gate_vault::audit::lines::{self, Follower, Line, News};

/// How often a file that is followed is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Connections of audit devices at a time.
const CONNECTIONS: usize = 64;

/// What a source says.
pub(super) enum Message {
    /// A line of a file or connection. Whoever waits for it is told when it is dealt with.
    Line { path: PathBuf, line: Line, done: Option<mpsc::Sender<()>> },
    /// Something happened to a file.
    Note { path: PathBuf, note: String },
    /// A file cannot be read.
    Problem { path: PathBuf, problem: String },
    /// The user wants to end.
    Interrupted,
}

/// Where an audit device connects to.
#[derive(Debug, Clone)]
pub(super) enum Listen {
    /// A socket device of type tcp.
    Tcp(SocketAddr),
    /// A socket device of type unix.
    Unix(PathBuf),
    /// An HTTP device.
    Http(SocketAddr),
}

impl std::str::FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = |text: &str| {
            let address: SocketAddr =
                text.parse().map_err(|_| format!("`{text}` is not an address with a port, such as 127.0.0.1:9090"))?;
            if !address.ip().is_loopback() {
                return Err(format!(
                    "{address} is no loopback address: entries of an audit log are not for everyone; put a \
                                    tunnel in between"
                ));
            }
            Ok(address)
        };
        match text.split_once("://") {
            Some(("tcp", rest)) => address(rest).map(Self::Tcp),
            Some(("http", rest)) => address(rest.trim_end_matches('/')).map(Self::Http),
            Some(("unix", rest)) if !rest.is_empty() => Ok(Self::Unix(rest.into())),
            _ => Err(format!("`{text}` is not tcp://ADDRESS, http://ADDRESS or unix://PATH")),
        }
    }
}

/// Reads files one after the other.
pub(super) fn files(paths: &[PathBuf], to: &SyncSender<Message>) {
    for path in paths {
        let shown = if path == Path::new("-") { PathBuf::from("stdin") } else { path.clone() };
        let open = || -> io::Result<Box<dyn Read>> {
            if path == Path::new("-") { Ok(Box::new(io::stdin().lock())) } else { Ok(Box::new(File::open(path)?)) }
        };
        let mut each = |line| to.send(Message::Line { path: shown.clone(), line, done: None }).is_ok();
        if let Err(error) = open().and_then(|reader| lines::read(reader, &mut each)) {
            let problem = format!("cannot be read: {error}");
            let _ = to.send(Message::Problem { path: shown.clone(), problem });
        }
    }
}

/// Follows a file for as long as somebody listens.
pub(super) fn follow(path: &Path, to: &SyncSender<Message>) {
    let (mut follower, mut news, mut failing) = (Follower::new(path), Vec::new(), false);
    loop {
        let looked = follower.look(&mut news);
        for news in news.drain(..) {
            let path = path.to_owned();
            let message = match news {
                News::Line(line) => Message::Line { path, line, done: None },
                News::Note(note) => Message::Note { path, note },
            };
            if to.send(message).is_err() {
                return;
            }
        }
        match looked {
            Ok(()) => failing = false,
            Err(error) if !std::mem::replace(&mut failing, true) => {
                let problem = format!("cannot be read: {error}; it is tried again");
                if to.send(Message::Problem { path: path.to_owned(), problem }).is_err() {
                    return;
                }
            }
            Err(_) => {}
        }
        thread::sleep(LOOK);
    }
}

/// Listens for an audit device, in threads of its own.
pub(super) fn listen(listen: &Listen, to: &SyncSender<Message>) -> Result<()> {
    let places = Arc::new(AtomicUsize::new(0));
    match listen {
        Listen::Tcp(address) => {
            let listener = TcpListener::bind(address).with_context(|| format!("{address} cannot be listened on"))?;
            eprintln!("listening on tcp://{}", listener.local_addr()?);
            let to = to.clone();
            thread::spawn(move || {
                accept(|| listener.accept().map(|(stream, from)| (stream, format!("tcp://{from}"))), &places, &to);
            });
        }
        Listen::Http(address) => {
            let listener = TcpListener::bind(address).with_context(|| format!("{address} cannot be listened on"))?;
            let name = PathBuf::from(format!("http://{}", listener.local_addr()?));
            eprintln!("listening on {}", name.display());
            let to = to.clone();
            let handle: Handle = Arc::new(move |body| http_device(&name, body, &to));
            thread::spawn(move || {
                if let Err(error) = device::serve(listener, &handle) {
                    eprintln!("error: the HTTP device cannot be served: {error}");
                }
            });
        }
        Listen::Unix(path) => unix(path, places, to)?,
    }
    Ok(())
}

#[cfg(unix)]
fn unix(path: &Path, places: Arc<AtomicUsize>, to: &SyncSender<Message>) -> Result<()> {
    use std::os::unix::net::UnixListener;
    if path.exists() {
        bail!("{} is there already; remove it when nobody listens on it", path.display());
    }
    let listener = UnixListener::bind(path).with_context(|| format!("{} cannot be listened on", path.display()))?;
    eprintln!("listening on unix://{}", path.display());
    let (to, name) = (to.clone(), format!("unix://{}", path.display()));
    thread::spawn(move || {
        accept(|| listener.accept().map(|(stream, _)| (stream, name.clone())), &places, &to);
    });
    Ok(())
}

#[cfg(not(unix))]
fn unix(path: &Path, _: Arc<AtomicUsize>, _: &SyncSender<Message>) -> Result<()> {
    bail!("{}: there are no unix sockets here", path.display())
}

/// Takes connections for as long as somebody listens.
fn accept<S: Read + Send + 'static>(
    mut next: impl FnMut() -> io::Result<(S, String)>,
    places: &Arc<AtomicUsize>,
    to: &SyncSender<Message>,
) {
    loop {
        let (stream, name) = match next() {
            Ok(accepted) => accepted,
            Err(error) => {
                eprintln!("note: a connection could not be accepted: {error}");
                thread::sleep(LOOK);
                continue;
            }
        };
        if places.fetch_add(1, Ordering::AcqRel) >= CONNECTIONS {
            places.fetch_sub(1, Ordering::AcqRel);
            eprintln!("note: {name} is refused: {CONNECTIONS} connections are open");
            continue;
        }
        let (places, to) = (Arc::clone(places), to.clone());
        thread::spawn(move || {
            let path = PathBuf::from(name);
            if let Err(error) = device_lines(stream, &path, &to) {
                let _ = to.send(Message::Problem { path, problem: format!("the connection failed: {error}") });
            }
            places.fetch_sub(1, Ordering::AcqRel);
        });
    }
}

/// A socket device writes lines and reads nothing.
fn device_lines<S: Read>(stream: S, path: &Path, to: &SyncSender<Message>) -> io::Result<()> {
    let mut each = |line| to.send(Message::Line { path: path.to_owned(), line, done: None }).is_ok();
    lines::read(stream, &mut each)
}

/// Has an HTTP device's entries dealt with, each before it is answered.
fn http_device(from: &Path, body: &[u8], to: &SyncSender<Message>) -> Result<(), String> {
    let (done, dealt_with) = channel();
    let mut count = 0;
    let mut each = |line| {
        count += 1;
        to.send(Message::Line { path: from.to_owned(), line, done: Some(done.clone()) }).is_ok()
    };
    lines::read(body, &mut each).map_err(|error| error.to_string())?;
    for _ in 0..count {
        dealt_with.recv().map_err(|_| "the entry could not be kept".to_owned())?;
    }
    Ok(())
}
