//! A server that plays Vault's part as far as its documentation says what passes a proxy: it says who has a token, and tells what
//! it was asked for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The server; it ends with the process.
pub(crate) struct Peer {
    pub(crate) url: String,
    /// `METHOD path` of every request.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

struct Asked {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Peer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let all = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let all = Arc::clone(&all);
                std::thread::spawn(move || serve(&stream.unwrap(), &all));
            }
        });
        Self { url, asked }
    }
}

fn serve(stream: &TcpStream, all: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(asked) = read(&mut reader) {
        all.lock().unwrap().push(format!("{} {}", asked.method, asked.path));
        answer(stream, &mut reader, &asked);
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let mut body = Vec::new();
    if header("transfer-encoding").is_some() {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).ok()?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    } else {
        body = vec![0; header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
    }
    Some(Asked { method, path, headers, body })
}

fn say(mut stream: &TcpStream, status: &str, body: &str) {
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Vault-Own: kept\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).unwrap();
}

fn answer(mut stream: &TcpStream, reader: &mut BufReader<TcpStream>, asked: &Asked) {
    let header = |wanted: &str| asked.headers.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value);
    match (asked.path.as_str(), header("x-vault-token")) {
        ("/v1/auth/token/lookup-self", "s.of-nora") => say(
            stream,
            "200 OK",
            r#"{"data":{"policies":["default","no-night"],"entity_id":"e-1","creation_time":1795746363,"creation_ttl":3600,"display_name":"nora","meta":{"team":"ward"},"id":"s.of-nora","type":"service"}}"#,
        ),
        ("/v1/auth/token/lookup-self", "root") => {
            say(stream, "200 OK", r#"{"data":{"policies":["root"],"entity_id":""}}"#);
        }
        ("/v1/auth/token/lookup-self", "sealed") => say(stream, "503 Service Unavailable", r#"{"errors":["sealed"]}"#),
        ("/v1/auth/token/lookup-self", _) => say(stream, "403 Forbidden", r#"{"errors":["permission denied"]}"#),
        ("/v1/identity/entity/id/e-1", _) => say(
            stream,
            "200 OK",
            r#"{"data":{"id":"e-1","name":"nora","metadata":{"org":"clinic"},"group_ids":["g-1"],"policies":[]}}"#,
        ),
        ("/v1/identity/group/id/g-1", _) => {
            say(stream, "200 OK", r#"{"data":{"id":"g-1","name":"nurses","policies":["by-group"],"metadata":null}}"#);
        }
        ("/v1/sys/monitor", _) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").unwrap();
            // The rest comes when somebody has asked for something else.
            std::thread::sleep(std::time::Duration::from_millis(300));
            stream.write_all(b"6\r\nsecond\r\n0\r\n\r\n").unwrap();
        }
        ("/v1/sys/events/subscribe/a", _) => {
            stream
                .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
                .unwrap();
            let mut bytes = [0; 4];
            reader.read_exact(&mut bytes).unwrap();
            stream.write_all(&bytes).unwrap();
        }
        _ => {
            let headers: Vec<String> =
                asked.headers.iter().map(|(name, value)| format!("{:?}:{:?}", name, value.replace('"', "'"))).collect();
            let body = format!(
                r#"{{"method":{:?},"path":{:?},"headers":{{{}}},"body":{:?}}}"#,
                asked.method,
                asked.path,
                headers.join(","),
                String::from_utf8_lossy(&asked.body)
            );
            say(stream, "200 OK", &body);
        }
    }
}
