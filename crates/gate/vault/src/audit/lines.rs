//! Lines of files, and of files that grow and are rotated.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Longest line that is taken, in bytes. Requests have at most 32 MiB.
pub const MAX_LINE: usize = 64 << 20;

/// A line, or what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// The text without its end, or what is wrong.
    pub text: Result<String, String>,
}

/// Takes bytes as they come, and gives whole lines.
#[derive(Debug, Default)]
pub struct Splitter {
    rest: Vec<u8>,
    number: u64,
    /// Whether the line is too long, and passed over.
    too_long: bool,
}

impl Splitter {
    /// The lines that end in these bytes. Empty ones are left out.
    pub fn take(&mut self, mut bytes: &[u8], lines: &mut Vec<Line>) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            bytes = &bytes[end + 1..];
            lines.extend(self.line());
        }
        self.keep(bytes);
    }

    /// What is left when nothing follows: a line without an end. It is whole when it can be read, and else cut off.
    pub fn end(&mut self) -> Option<Line> {
        let is_cut = |text: &str| probity_model::json::read(text.as_bytes()).is_err();
        let mut line = self.line()?;
        if line.text.as_ref().is_ok_and(|text| is_cut(text)) {
            line.text = Err("the line is cut off: what it said is not known".to_owned());
        }
        Some(line)
    }

    /// Begins a new file.
    pub fn begin(&mut self) {
        *self = Self::default();
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.rest.len() + bytes.len() > MAX_LINE {
            self.too_long = true;
            self.rest = Vec::new();
        } else if !self.too_long {
            self.rest.extend_from_slice(bytes);
        }
    }

    /// The line that has ended; none when it is empty.
    fn line(&mut self) -> Option<Line> {
        self.number += 1;
        let bytes = std::mem::take(&mut self.rest);
        if std::mem::take(&mut self.too_long) {
            let text = Err(format!("the line is longer than {MAX_LINE} bytes, and was not read"));
            return Some(Line { number: self.number, text });
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        let text = String::from_utf8(bytes).map_err(|_| "the line is no UTF-8 text".to_owned());
        let text = text.map(|text| text.trim_end_matches('\r').to_owned());
        Some(Line { number: self.number, text })
    }
}

/// Gives each line of what is read to `each`, which says whether to go on.
///
/// # Errors
/// When it cannot be read.
pub fn read(reader: impl Read, each: &mut dyn FnMut(Line) -> bool) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 18, reader);
    let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
    loop {
        let bytes = match reader.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let count = bytes.len();
        splitter.take(bytes, &mut lines);
        reader.consume(count);
        if count == 0 {
            lines.extend(splitter.end());
        }
        for line in lines.drain(..) {
            if !each(line) {
                return Ok(());
            }
        }
        if count == 0 {
            return Ok(());
        }
    }
}

/// A file that grows, is cut back, and is put aside for a new one of its name.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    open: Option<(File, Identity)>,
    position: u64,
    splitter: Splitter,
    /// Whether it is said already that the file is not there.
    missing: bool,
}

/// What tells a file from another one of its name.
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

/// Elsewhere a new file is known by its time.
#[cfg(not(unix))]
fn identity(metadata: &fs::Metadata) -> Identity {
    let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
    (0, metadata.created().ok().and_then(since).map_or(0, |time| time.as_secs()))
}

/// What a look at a file gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A line.
    Line(Line),
    /// Something happened to the file.
    Note(String),
}

impl Follower {
    /// Follows the file at a path from its beginning.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None, position: 0, splitter: Splitter::default(), missing: false }
    }

    /// What came since the last look.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn look(&mut self, news: &mut Vec<News>) -> io::Result<()> {
        self.read_on(news)?;
        let now = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !std::mem::replace(&mut self.missing, true) {
                    news.push(News::Note("the file is not there; it is waited for".to_owned()));
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.missing = false;
        let other = self.open.as_ref().is_none_or(|(_, open)| *open != identity(&now));
        if other {
            // Something may have been written between the last reading and the file's being put aside.
            self.read_on(news)?;
            self.switch(news)?;
            return self.read_on(news);
        }
        if now.len() < self.position {
            news.extend(self.splitter.end().map(News::Line));
            news.push(News::Note("the file was cut back; it is read from its beginning".to_owned()));
            self.splitter.begin();
            self.position = 0;
            return self.read_on(news);
        }
        Ok(())
    }

    /// The rest of a line that did not end, when nothing more is waited for.
    pub fn end(&mut self) -> Option<Line> {
        self.splitter.end()
    }

    fn switch(&mut self, news: &mut Vec<News>) -> io::Result<()> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            // Moved away just now; the next look finds the new one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if self.open.is_some() {
            news.extend(self.splitter.end().map(News::Line));
            news.push(News::Note("the file was replaced; the new one is followed".to_owned()));
        }
        let identity = identity(&file.metadata()?);
        self.open = Some((file, identity));
        self.splitter.begin();
        self.position = 0;
        Ok(())
    }

    /// Reads what the open file has more.
    fn read_on(&mut self, news: &mut Vec<News>) -> io::Result<()> {
        let Some((file, _)) = &mut self.open else { return Ok(()) };
        if file.metadata()?.len() < self.position {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.position))?;
        let (mut buffer, mut lines) = (vec![0; 1 << 16], Vec::new());
        loop {
            let count = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.position += count as u64;
            self.splitter.take(&buffer[..count], &mut lines);
            news.extend(lines.drain(..).map(News::Line));
        }
        Ok(())
    }
}
