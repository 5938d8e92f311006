//! Whether a ledger is whole, by nothing but its folder and a public key.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rayon::prelude::*;
use serde::Deserialize;
use smol_str::SmolStr;

use crate::blob::{self, blob_path};
use crate::checkpoint::Checkpoint;
use crate::digest::Digest;
use crate::entry::{Body, GateNumber, KeyRotation};
use crate::error::LedgerError;
use crate::leaf;
use crate::merkle::leaf_hash;
use crate::note::Verifier;
use crate::pending::{read_segment, segments};
use crate::reader::{CHECKPOINT, PUBLIC_KEY, Reader};
use crate::tile::{Edge, WIDTH, bundle_path, read_leaves, width_in};

/// More problems than this are not listed.
const MAX_PROBLEMS: usize = 100;
/// Bundles that are read before what they say is added up.
const CHUNK: u64 = 512;

/// What was found of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The newest checkpoint.
    pub checkpoint: Checkpoint,
    /// The keys that have signed, the first one first.
    pub keys: Vec<Verifier>,
    /// Documents that were checked.
    pub documents: u64,
    /// Entries that are durable but not under the checkpoint yet: they are when the ledger is opened next.
    pub pending: u64,
    /// When the first and the last entry were recorded.
    pub recorded: Option<(Timestamp, Timestamp)>,
    /// The gates, in the order of their names.
    pub gates: Vec<GateSummary>,
    /// What is wrong; the ledger is whole when this is empty.
    pub problems: Vec<String>,
}

/// Which numbers of a gate have arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateSummary {
    /// The gate's name.
    pub name: SmolStr,
    /// How many of its numbers are there.
    pub count: u64,
    /// The highest of them.
    pub last: u64,
}

impl GateSummary {
    /// How many numbers up to the highest are not there.
    pub fn missing(&self) -> u64 {
        self.last.saturating_sub(self.count)
    }
}

/// Checks everything in the folder of a ledger: every entry against the tree, the tree against the signed checkpoint,
/// the checkpoint against the trusted keys and against earlier checkpoints, every document against its name.
///
/// # Errors
/// When there is no checkpoint to begin with. All else is among the problems.
pub fn verify(folder: &Path, trusted: &[Verifier], earlier: &[Checkpoint]) -> Result<Verification, LedgerError> {
    let reader = Reader::open(folder)?;
    let checkpoint = reader.checkpoint()?.ok_or_else(|| LedgerError::Empty { folder: folder.to_owned() })?;
    let mut check = Check { folder, size: checkpoint.size, problems: Problems::default(), files: BTreeSet::new() };
    let found = check.entries();
    check.tree(&found, &checkpoint);
    let keys = check.keys(&checkpoint, trusted, &found.rotations);
    check.earlier(&reader, &checkpoint, earlier, &keys);
    let documents = check.documents(&found.documents);
    let pending = check.pending();
    check.other_files(pending);
    Ok(Verification {
        checkpoint,
        keys,
        documents,
        pending,
        recorded: found.recorded,
        gates: found.gates(),
        problems: check.problems.finish(),
    })
}

#[derive(Default)]
struct Problems {
    list: Vec<String>,
    more: usize,
}

impl Problems {
    fn add(&mut self, problem: impl Into<String>) {
        if self.list.len() < MAX_PROBLEMS { self.list.push(problem.into()) } else { self.more += 1 }
    }

    fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.list.push(format!("and {} more", self.more));
        }
        self.list
    }
}

struct Check<'a> {
    folder: &'a Path,
    size: u64,
    problems: Problems,
    /// The files that the checkpoint asks for.
    files: BTreeSet<String>,
}

/// What the entries say together.
#[derive(Default)]
struct Found {
    edge: Edge,
    full: Vec<(String, Vec<u8>)>,
    recorded: Option<(Timestamp, Timestamp)>,
    numbers: BTreeMap<SmolStr, Numbers>,
    rotations: Vec<(u64, KeyRotation)>,
    documents: HashSet<Digest>,
}

/// The numbers of a gate. Numbers that came in order are only counted.
#[derive(Default)]
struct Numbers {
    in_order: u64,
    others: BTreeSet<u64>,
}

impl Numbers {
    /// Whether the number is new.
    fn add(&mut self, number: u64) -> bool {
        if number == self.in_order + 1 {
            self.in_order = number;
            while self.others.remove(&(self.in_order + 1)) {
                self.in_order += 1;
            }
            return true;
        }
        number > self.in_order && self.others.insert(number)
    }
}

impl Found {
    fn gates(&self) -> Vec<GateSummary> {
        let summary = |(name, numbers): (&SmolStr, &Numbers)| GateSummary {
            name: name.clone(),
            count: numbers.in_order + numbers.others.len() as u64,
            last: numbers.others.last().copied().unwrap_or(numbers.in_order),
        };
        self.numbers.iter().map(summary).collect()
    }
}

/// What is looked at in every entry.
#[derive(Deserialize)]
struct Peek {
    recorded: Timestamp,
    kind: SmolStr,
    gate: Option<GateNumber>,
    body: Option<PeekBody>,
    body_digest: Option<Digest>,
}

#[derive(Default, Deserialize)]
struct PeekBody {
    input: Option<PeekInput>,
    policies: Option<PeekPolicies>,
}

/// The policies of a body: a document that is kept, or those by which something is told.
#[derive(Deserialize)]
#[serde(untagged)]
enum PeekPolicies {
    Document(Digest),
    Named(#[expect(dead_code, reason = "what is not looked at is still well formed")] Vec<SmolStr>),
}

#[derive(Deserialize)]
struct PeekInput {
    subjects: Digest,
    policies: Digest,
}

/// A bundle that was read.
struct Bundle {
    hashes: Vec<Digest>,
    peeks: Vec<Result<Peek, String>>,
    rotations: Vec<(u64, Vec<u8>)>,
}

impl Check<'_> {
    fn entries(&mut self) -> Found {
        let mut found = Found::default();
        let bundles = self.size.div_ceil(WIDTH);
        for start in (0..bundles).step_by(usize::try_from(CHUNK).unwrap_or(1)) {
            let (folder, size) = (self.folder, self.size);
            let chunk: Vec<_> = (start..bundles.min(start + CHUNK))
                .into_par_iter()
                .map(|index| (index, read_bundle(folder, index, width_in(size, 0, index))))
                .collect();
            for (index, bundle) in chunk {
                self.files.insert(bundle_path(index, width_in(self.size, 0, index)));
                match bundle {
                    Ok(bundle) => self.add_bundle(&mut found, index * WIDTH, bundle),
                    Err(problem) => self.problems.add(problem),
                }
            }
        }
        found
    }

    fn add_bundle(&mut self, found: &mut Found, first: u64, bundle: Bundle) {
        for hash in bundle.hashes {
            found.edge.push_leaf_hash(hash, &mut found.full);
        }
        for (index, peek) in (first..).zip(bundle.peeks) {
            match peek {
                Ok(peek) => self.add_entry(found, index, peek),
                Err(error) => self.problems.add(format!("entry {index} cannot be understood: {error}")),
            }
        }
        for (index, leaf) in bundle.rotations {
            let folder = self.folder;
            match leaf::read(&leaf, |digest| blob::get(folder, digest)) {
                Ok(Ok(entry)) => {
                    if let Body::KeyRotation(rotation) = entry.submission.body {
                        found.rotations.push((index, rotation));
                    }
                }
                Ok(Err(error)) => self.problems.add(format!("entry {index} cannot be understood: {error}")),
                Err(error) => self.problems.add(format!("entry {index}: {error}")),
            }
        }
    }

    fn add_entry(&mut self, found: &mut Found, index: u64, peek: Peek) {
        let newest = found.recorded.map_or(peek.recorded, |(_, newest)| newest);
        if peek.recorded < newest {
            self.problems.add(format!("entry {index} was recorded before the entry before it"));
        }
        found.recorded = Some((found.recorded.map_or(peek.recorded, |(first, _)| first), peek.recorded.max(newest)));
        if let Some(number) = peek.gate
            && !found.numbers.entry(number.name.clone()).or_default().add(number.sequence)
        {
            self.problems.add(format!("entry {index} has number {} of {} once more", number.sequence, number.name));
        }
        let body = match (peek.body, peek.body_digest) {
            (Some(body), _) => body,
            (None, Some(digest)) => {
                found.documents.insert(digest);
                // Whether it is there is said with the other documents.
                let body = blob::get(self.folder, &digest).ok();
                body.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default()
            }
            (None, None) => return self.problems.add(format!("entry {index} says nothing")),
        };
        if let Some(PeekPolicies::Document(digest)) = body.policies {
            found.documents.insert(digest);
        }
        found.documents.extend(body.input.into_iter().flat_map(|input| [input.subjects, input.policies]));
    }

    /// The tiles against the entries, and the root against the checkpoint.
    fn tree(&mut self, found: &Found, checkpoint: &Checkpoint) {
        for (path, bytes) in found.full.iter().chain(&found.edge.partial_files(0)) {
            match fs::read(self.folder.join(path)) {
                Ok(stored) if stored == *bytes => {}
                Ok(_) => self.problems.add(format!("{path} does not fit the entries below it")),
                Err(error) => self.problems.add(format!("{path} cannot be read: {error}")),
            }
            self.files.insert(path.clone());
        }
        if found.edge.size() != checkpoint.size || found.edge.root() != checkpoint.root {
            self.problems.add(format!("the entries do not lead to the root of the checkpoint at {}", checkpoint.size));
        }
    }

    /// The chain of keys from a trusted one to the one that signed the checkpoint.
    fn keys(
        &mut self,
        checkpoint: &Checkpoint,
        trusted: &[Verifier],
        rotations: &[(u64, KeyRotation)],
    ) -> Vec<Verifier> {
        let mut chain: Vec<Verifier> = Vec::new();
        for (index, rotation) in rotations {
            match rotation.verify() {
                Some((old, new)) if chain.last().is_none_or(|last| *last == old) => {
                    if chain.is_empty() {
                        chain.push(old);
                    }
                    chain.push(new);
                }
                Some(_) => self.problems.add(format!("entry {index} rotates a key that was not the ledger's")),
                None => self.problems.add(format!("entry {index} rotates the key without the old key's signature")),
            }
        }
        if chain.is_empty() {
            chain.extend(trusted.iter().find(|key| key.name() == checkpoint.origin).cloned());
        }
        match chain.last() {
            Some(last) if !checkpoint.signed_by(last) || last.name() != checkpoint.origin => {
                self.problems.add(format!("the checkpoint is not signed by the ledger's key {}", last.name()));
            }
            Some(_) if chain.iter().any(|key| trusted.contains(key)) => {}
            _ => {
                let names: Vec<&str> = trusted.iter().map(Verifier::name).collect();
                let origin = &checkpoint.origin;
                self.problems.add(format!("the ledger {origin} is not signed by a trusted key ({})", names.join(", ")));
            }
        }
        for name in checkpoint.signers() {
            if !chain.iter().any(|key| key.name() == name && checkpoint.signed_by(key)) {
                self.problems.add(format!("the checkpoint has a signature of {name} that does not hold"));
            }
        }
        let public = fs::read_to_string(self.folder.join(PUBLIC_KEY)).ok();
        let public = public.filter(|text| chain.last().is_none_or(|last| *text == format!("{last}\n")));
        if public.is_none() {
            self.problems.add(format!("{PUBLIC_KEY} is not the key that signed the checkpoint"));
        }
        chain
    }

    /// Earlier checkpoints must be of the same tree.
    fn earlier(&mut self, reader: &Reader, checkpoint: &Checkpoint, earlier: &[Checkpoint], keys: &[Verifier]) {
        for old in earlier {
            if !keys.iter().any(|key| old.signed_by(key)) {
                self.problems
                    .add(format!("the earlier checkpoint at {} is of another ledger, {}", old.size, old.origin));
            } else if old.size > checkpoint.size {
                let (old, new) = (old.size, checkpoint.size);
                self.problems.add(format!("rolled back: an earlier checkpoint has {old} entries, this one {new}"));
            } else if !reader.root(old.size).is_ok_and(|root| root == old.root) {
                self.problems
                    .add(format!("rewritten: the first {} entries are not those of an earlier checkpoint", old.size));
            }
        }
    }

    fn documents(&mut self, referenced: &HashSet<Digest>) -> u64 {
        let mut present: BTreeSet<Digest> = BTreeSet::new();
        for path in files_below(self.folder, "blobs") {
            let name = path.rsplit('/').next().and_then(|name| name.strip_suffix(".zst"));
            match name.and_then(Digest::from_hex).filter(|digest| blob_path(digest) == path) {
                Some(digest) => drop(present.insert(digest)),
                None if is_unfinished(&path) => {}
                None => self.problems.add(format!("{path} is not a document of the ledger")),
            }
        }
        let folder = self.folder;
        let broken: Vec<String> = present
            .par_iter()
            .filter_map(|digest| blob::get(folder, digest).err())
            .map(|error| error.to_string())
            .collect();
        for problem in broken {
            self.problems.add(problem);
        }
        for digest in referenced.iter().filter(|digest| !present.contains(digest)).collect::<BTreeSet<_>>() {
            self.problems.add(format!("the document {digest} is missing"));
        }
        present.len() as u64
    }

    /// Durable entries that are not under the checkpoint.
    fn pending(&mut self) -> u64 {
        let mut end = self.size;
        for first in segments(self.folder).unwrap_or_default() {
            match read_segment(self.folder, first) {
                Ok(segment) => end = end.max(first + segment.leaves.len() as u64),
                Err(error) => self.problems.add(error.to_string()),
            }
        }
        end - self.size
    }

    /// Files that the checkpoint does not ask for: earlier parts of tiles are fine, later ones mean that the checkpoint
    /// is not the newest there was.
    fn other_files(&mut self, pending: u64) {
        let mut beyond = false;
        for path in files_below(self.folder, "tile") {
            if self.files.contains(&path) {
                continue;
            }
            match earlier_part(&path, &self.files) {
                Some(whole) => {
                    let (part, whole) = (fs::read(self.folder.join(&path)), fs::read(self.folder.join(whole)));
                    if !matches!((part, whole), (Ok(part), Ok(whole)) if whole.starts_with(&part)) {
                        self.problems.add(format!("{path} is not what the tile began with"));
                    }
                }
                None => beyond = true,
            }
        }
        if beyond && pending == 0 {
            self.problems.add("rolled back: there are tiles of more entries than the checkpoint has".to_owned());
        }
        for entry in fs::read_dir(self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let known = [CHECKPOINT, PUBLIC_KEY, "tile", "blobs", "pending", "lock", "sequences.json"];
            if !known.contains(&name.as_str()) && !is_unfinished(&name) {
                self.problems.add(format!("{name} is not a file of a ledger"));
            }
        }
    }
}

/// Whether a file was being written when its writer was ended; it was never part of the ledger.
fn is_unfinished(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "part")
}

/// The file that the checkpoint asks for of which this path is an earlier part.
fn earlier_part(path: &str, files: &BTreeSet<String>) -> Option<String> {
    let (tile, width) = path.rsplit_once(".p/")?;
    let width: u64 = width.parse().ok()?;
    if files.contains(tile) {
        return Some(tile.to_owned());
    }
    let later = (width + 1..WIDTH).map(|width| format!("{tile}.p/{width}"));
    later.into_iter().find(|path| files.contains(path))
}

fn read_bundle(folder: &Path, index: u64, width: u64) -> Result<Bundle, String> {
    let path = bundle_path(index, width);
    let bytes = fs::read(folder.join(&path)).map_err(|error| format!("{path} cannot be read: {error}"))?;
    let leaves = read_leaves(&bytes).ok_or_else(|| format!("{path} is cut short"))?;
    if leaves.len() as u64 != width {
        return Err(format!("{path} has {} entries, not {width}", leaves.len()));
    }
    let peeks: Vec<Result<Peek, String>> =
        leaves.iter().map(|leaf| serde_json::from_slice(leaf).map_err(|error| error.to_string())).collect();
    let rotations = (index * WIDTH..)
        .zip(leaves.iter().zip(&peeks))
        .filter(|(_, (_, peek))| peek.as_ref().is_ok_and(|peek| peek.kind == "key-rotation"))
        .map(|(at, (leaf, _))| (at, leaf.to_vec()))
        .collect();
    Ok(Bundle { hashes: leaves.iter().map(|leaf| leaf_hash(leaf)).collect(), peeks, rotations })
}

/// Paths of the files below a folder, from the ledger's folder on, `/` between their parts.
fn files_below(folder: &Path, name: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(name)];
    while let Some(relative) = folders.pop() {
        for entry in fs::read_dir(folder.join(&relative)).into_iter().flatten().flatten() {
            let path = relative.join(entry.file_name());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else {
                let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
                files.push(parts.join("/"));
            }
        }
    }
    files
}
