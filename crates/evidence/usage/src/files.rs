//! The files of a cluster, and how they are written so that a crash leaves them whole.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use probity_rbac::Use;
use serde::{Deserialize, Serialize};

use crate::UsageError;
use crate::known::KnownUsage;

/// What of names stands in those of files as it is.
const AS_IT_IS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// Most bytes that are read of a file, when it is decompressed.
const MAX_BYTES: u64 = 1 << 30;

/// How well what is kept is compressed: it is written seldom, and many texts are alike.
const LEVEL: i32 = 3;

/// What is kept up to a moment. Its journal goes by the same number.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) generation: u64,
    pub(crate) cluster: String,
    pub(crate) known: KnownUsage,
}

#[derive(Serialize)]
struct KeptRef<'k> {
    generation: u64,
    cluster: &'k str,
    known: &'k KnownUsage,
}

/// Where the files of a cluster are.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    folder: PathBuf,
    name: String,
}

impl Place {
    pub(crate) fn new(folder: &Path, cluster: &str) -> Self {
        Self { folder: folder.to_owned(), name: utf8_percent_encode(cluster, AS_IT_IS).to_string() }
    }

    pub(crate) fn kept(&self) -> PathBuf {
        self.folder.join(format!("{}.json.zst", self.name))
    }

    pub(crate) fn journal(&self, generation: u64) -> PathBuf {
        self.folder.join(format!("{}.{generation}.journal", self.name))
    }

    /// Reads what is kept; none when nothing is.
    pub(crate) fn read(&self) -> Result<Option<Kept>, UsageError> {
        let path = self.kept();
        let io = |source| UsageError::Io { file: path.clone(), source };
        let form = |what: String| UsageError::Form { file: path.clone(), what };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        let mut text = Vec::new();
        let decoder = zstd::stream::read::Decoder::new(file).map_err(io)?;
        decoder.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(|error| form(error.to_string()))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(form(format!("it is larger than {MAX_BYTES} bytes")));
        }
        serde_json::from_slice(&text).map(Some).map_err(|error| form(error.to_string()))
    }

    /// Replaces what is kept, as a whole.
    pub(crate) fn write(&self, generation: u64, cluster: &str, known: &KnownUsage) -> Result<(), UsageError> {
        let (path, fresh) = (self.kept(), self.folder.join(format!("{}.new", self.name)));
        let io = |source| UsageError::Io { file: path.clone(), source };
        let write = || -> io::Result<()> {
            let mut encoder = zstd::stream::write::Encoder::new(private(&fresh, true)?, LEVEL)?;
            serde_json::to_writer(&mut encoder, &KeptRef { generation, cluster, known })?;
            let file = encoder.finish()?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(io)
    }

    /// Reads a journal: each part in turn. The last line may have been cut by a crash; nobody was told that it is kept.
    pub(crate) fn replay(&self, generation: u64, mut each: impl FnMut(&Use)) -> Result<Option<u64>, UsageError> {
        let path = self.journal(generation);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(UsageError::Io { file: path, source }),
        };
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for (number, line) in (1..).zip(text[..whole].split(|byte| *byte == b'\n')) {
            if line.is_empty() {
                continue;
            }
            let part = serde_json::from_slice(line)
                .map_err(|error| UsageError::Form { file: path.clone(), what: format!("line {number}: {error}") })?;
            each(&part);
        }
        Ok(Some(whole as u64))
    }

    /// Renames the files of a cluster that cannot be read.
    pub(crate) fn set_aside(&self, generation: Option<u64>) -> io::Result<()> {
        for path in [Some(self.kept()), generation.map(|generation| self.journal(generation))].into_iter().flatten() {
            let named = |number: u32| {
                let mut name = path.clone().into_os_string();
                name.push(format!(".aside-{number}"));
                PathBuf::from(name)
            };
            let aside = (1..=u32::MAX).map(named).find(|aside| !aside.exists());
            match aside.map(|aside| fs::rename(&path, aside)) {
                Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A journal that is written to.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    pub(crate) bytes: u64,
    /// Whether a line may be cut: then nothing can follow it.
    broken: bool,
}

impl Journal {
    /// Opens a journal of which so many bytes are whole.
    pub(crate) fn open(place: &Place, generation: u64, bytes: u64) -> Result<Self, UsageError> {
        let path = place.journal(generation);
        let open = || -> io::Result<File> {
            let file = private(&path, false)?;
            file.set_len(bytes)?;
            file.sync_all()?;
            File::open(&place.folder)?.sync_all()?;
            Ok(file)
        };
        let file = open().map_err(|source| UsageError::Io { file: path.clone(), source })?;
        Ok(Self { file, path, bytes, broken: false })
    }

    /// Adds a part; it is on the disk when this returns.
    pub(crate) fn append(&mut self, part: &Use) -> Result<(), UsageError> {
        let io = |source| UsageError::Io { file: self.path.clone(), source };
        if self.broken {
            // What was cut goes first.
            self.file.set_len(self.bytes).map_err(io)?;
        }
        self.broken = true;
        let mut line = serde_json::to_vec(part).map_err(|error| io(error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(io)?;
        self.file.sync_data().map_err(io)?;
        (self.bytes, self.broken) = (self.bytes + line.len() as u64, false);
        Ok(())
    }
}

/// Opens a file to append to it that nobody else may read; an old one is emptied when it is to be new.
fn private(path: &Path, is_new: bool) -> io::Result<File> {
    let mut options = File::options();
    if is_new {
        options.write(true).create(true).truncate(true);
    } else {
        options.append(true).create(true);
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
