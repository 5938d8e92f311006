//! An image, read.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::base::{BaseMatch, Bases};
use crate::config::Config;
use crate::digest::Digest;
use crate::error::ImageError;
use crate::inventory::{Os, collect};
use crate::layer::{self, Budget, Changes, Expected, Kind, TextFile};
use crate::limits::Limits;
use crate::manifest::{self, Descriptor, Document, Index, Manifest};
use crate::package::Package;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::registry::Registry;
use crate::source::{self, Blob, DockerArchive, Location, Opened, Root, Store};
use crate::tree::Tree;

/// Media types of a configuration of an image.
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// Most paths that a list of files of one kind keeps.
const MAX_LISTED: usize = 1000;

/// The mode's bits that make a program run as its owner or group.
const SET_ID: u32 = 0o6000;

/// How an image is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which of several platforms; Linux on the architecture of this machine, when `None`.
    pub platform: Option<Platform>,
    /// Bounds.
    pub limits: Limits,
    /// The base images that are recognised.
    pub bases: Bases,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The digest of its blob; `None` in archives that have none.
    pub digest: Option<Digest>,
    /// The digest of its bytes unpacked.
    pub diff_id: Digest,
    /// What the manifest says of its form.
    pub media_type: String,
    /// Its bytes, as they are kept.
    pub size: u64,
    /// Its bytes, unpacked.
    pub unpacked: u64,
    /// Its entries: files, folders and links.
    pub entries: usize,
    /// The step of the history that made it, as the image says.
    pub created_by: Option<String>,
}

/// A file that could not be looked into: what is in it is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// The file, from the root.
    pub path: String,
    /// Its layer, from 0.
    pub layer: usize,
    /// Why.
    pub what: String,
}

/// An image of one platform, and what is in it.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its name, when it has one that a registry would know.
    pub reference: Option<Reference>,
    /// The digest of its manifest; archives of older Dockers have none.
    pub digest: Option<Digest>,
    /// The digest of the index that its name leads to, when it is there for several platforms.
    pub index: Option<Digest>,
    /// The digest of its configuration, which is its id.
    pub id: Digest,
    /// The media type of its manifest.
    pub media_type: String,
    /// What its manifest says of it.
    pub annotations: BTreeMap<String, String>,
    /// Its platform.
    pub platform: Platform,
    /// All that it is there for.
    pub platforms: Vec<Platform>,
    /// Its configuration.
    pub config: Config,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
    /// Its distribution.
    pub os: Option<Os>,
    /// Its packages, by kind, name and version.
    pub packages: Vec<Package>,
    /// The base that it stands on, of those that are known.
    pub base: Option<BaseMatch>,
    /// Files, folders and links that are seen in the end.
    pub files: usize,
    /// Programs that run as their owner or group.
    pub setuid: Vec<String>,
    /// Devices and pipes.
    pub special: Vec<String>,
    /// The texts of files that are known to hold credentials, of each layer, also of those that a later one takes away.
    pub texts: Vec<TextFile>,
    /// Files that could not be looked into.
    pub problems: Vec<FileProblem>,
}

/// What there is of an image before its layers are read.
struct Head {
    digest: Option<Digest>,
    index: Option<Digest>,
    id: Digest,
    media_type: String,
    annotations: BTreeMap<String, String>,
    platforms: Vec<Platform>,
    config: Config,
}

impl Image {
    /// Reads an image.
    ///
    /// # Errors
    /// When it is not there, is not what its digests promise, or has something in it that no sound image has; when it goes over a
    /// limit. What is only not understood of a file is a problem of the image ([`Image::problems`]).
    pub fn read(location: &Location, registry: &Registry, options: &Options) -> Result<Self, ImageError> {
        let limits = &options.limits;
        let parallel = parallel(location, limits);
        match source::open(location, registry, limits)? {
            Opened::Blobs { root, store } => {
                let (head, manifest) = choose(store.as_ref(), root, options.platform.as_ref(), limits)?;
                let name = |at: usize| manifest.layers[at].digest.to_string();
                let open = |at: usize| store.open(&manifest.layers[at]);
                let digest = |at: usize| Some((&manifest.layers[at].digest, manifest.layers[at].size));
                let changes =
                    read_layers(&head.config.diff_ids, manifest.layers.len(), &name, &open, &digest, limits, parallel)?;
                let mut image = assemble(head, changes, &manifest.layers, options)?;
                image.reference = reference(location, None);
                Ok(image)
            }
            Opened::Docker(archive) => from_docker(&archive, location, options),
        }
    }
}

/// Layers that are read at once: of a registry as many as may be, since each waits for the network; where it is the
/// processors that are waited for, no more than there are of them.
fn parallel(location: &Location, limits: &Limits) -> usize {
    match location {
        Location::Registry(_) => limits.parallel,
        _ => thread::available_parallelism().map_or(limits.parallel, |cores| limits.parallel.min(cores.get())),
    }
}

/// The name of an image that was in a registry, or that its archive gives it.
fn reference(location: &Location, name: Option<&str>) -> Option<Reference> {
    match location {
        Location::Registry(reference) => Some(reference.clone()),
        Location::Containerd(_, name) => name.parse().ok(),
        Location::Layout(..) => None,
        Location::Archive(..) => name?.parse().ok(),
    }
}

fn from_docker(archive: &DockerArchive, location: &Location, options: &Options) -> Result<Image, ImageError> {
    let config = Config::parse("the configuration", &archive.config)?;
    let head = Head {
        digest: None,
        index: None,
        id: Digest::sha256(&archive.config),
        media_type: String::new(),
        annotations: BTreeMap::new(),
        platforms: config.platform.clone().into_iter().collect(),
        config,
    };
    check_platform("the image", &head.config, options.platform.as_ref())?;
    let name = |at: usize| archive.layers[at].clone();
    let open = |at: usize| archive.layer(&archive.layers[at]);
    let limits = &options.limits;
    let parallel = parallel(location, limits);
    let changes = read_layers(&head.config.diff_ids, archive.layers.len(), &name, &open, &|_| None, limits, parallel)?;
    let mut image = assemble(head, changes, &[], options)?;
    image.reference = reference(location, archive.name.as_deref());
    Ok(image)
}

/// Goes from what a name leads to down to one manifest and its configuration.
fn choose(
    store: &dyn Store,
    root: Root,
    wanted: Option<&Platform>,
    limits: &Limits,
) -> Result<(Head, Manifest), ImageError> {
    // An index may be of indexes; deeper than this it is made to tire.
    const MAX_INDEXES: usize = 4;
    let default = Platform::default();
    let mut root = root;
    let (mut index, mut platforms) = (None, Vec::new());
    for _ in 0..=MAX_INDEXES {
        let what = format!("the manifest {}", root.digest);
        let chosen = match manifest::parse(&what, &root.bytes, &root.media_type)? {
            Document::Manifest(manifest) => {
                let head = head(store, root, &manifest, index, platforms, limits)?;
                check_platform(&what, &head.config, wanted)?;
                return Ok((head, *manifest));
            }
            Document::Index(list) => {
                if platforms.is_empty() {
                    platforms = list
                        .manifests
                        .iter()
                        .filter_map(|it| it.platform.clone())
                        .filter(|it| !it.is_unknown())
                        .collect();
                }
                pick(&what, &list, wanted, &default)?
            }
        };
        index.get_or_insert(root.digest);
        let bytes = source::document(store, &chosen, limits)?;
        root = Root { bytes, media_type: chosen.media_type.to_string(), digest: chosen.digest };
    }
    Err(ImageError::malformed(format!("the index {}", root.digest), "it is an index of indexes of indexes without end"))
}

/// The manifest of an index for a platform. One that names no platform is taken when it is the only one.
pub(crate) fn pick(
    what: &str,
    index: &Index,
    wanted: Option<&Platform>,
    default: &Platform,
) -> Result<Descriptor, ImageError> {
    let images: Vec<&Descriptor> =
        index.manifests.iter().filter(|it| !it.platform.as_ref().is_some_and(Platform::is_unknown)).collect();
    let serves =
        |it: &&&Descriptor| it.platform.as_ref().is_some_and(|platform| platform.serves(wanted.unwrap_or(default)));
    if let Some(found) = images.iter().find(serves) {
        return Ok((*found).clone());
    }
    match images.as_slice() {
        // Nobody asked for another: what there is, is meant. An explicit wish is checked against the configuration.
        [only] if wanted.is_none() || only.platform.is_none() => Ok((*only).clone()),
        _ => {
            let available = images.iter().filter_map(|it| it.platform.as_ref()).map(Platform::to_string).collect();
            Err(ImageError::Platform {
                what: what.to_owned(),
                wanted: wanted.unwrap_or(default).to_string(),
                available,
            })
        }
    }
}

pub(crate) fn check_platform(what: &str, config: &Config, wanted: Option<&Platform>) -> Result<(), ImageError> {
    match (wanted, &config.platform) {
        (Some(wanted), Some(found)) if !found.serves(wanted) => {
            let available = vec![found.to_string()];
            Err(ImageError::Platform { what: what.to_owned(), wanted: wanted.to_string(), available })
        }
        _ => Ok(()),
    }
}

fn head(
    store: &dyn Store,
    root: Root,
    manifest: &Manifest,
    index: Option<Digest>,
    platforms: Vec<Platform>,
    limits: &Limits,
) -> Result<Head, ImageError> {
    let what = format!("the manifest {}", root.digest);
    let kind = manifest.config.media_type.as_str();
    if !kind.is_empty() && !CONFIGS.contains(&kind) {
        let media_type = manifest.artifact_type.clone().unwrap_or_else(|| kind.to_owned());
        return Err(ImageError::Kind { what, media_type });
    }
    let config = source::document(store, &manifest.config, limits)?;
    let config = Config::parse(&format!("the configuration {}", manifest.config.digest), &config)?;
    let platforms = if platforms.is_empty() { config.platform.clone().into_iter().collect() } else { platforms };
    Ok(Head {
        digest: Some(root.digest),
        index,
        id: manifest.config.digest.clone(),
        media_type: root.media_type,
        annotations: manifest.annotations.clone().unwrap_or_default(),
        platforms,
        config,
    })
}

/// Reads layers, several at a time. The first that fails, in their order, is told.
fn read_layers<'a>(
    diff_ids: &[Digest],
    count: usize,
    name: &(dyn Fn(usize) -> String + Sync),
    open: &(dyn Fn(usize) -> Result<Blob<'a>, ImageError> + Sync),
    blob: &(dyn Fn(usize) -> Option<(&'a Digest, u64)> + Sync),
    limits: &Limits,
    parallel: usize,
) -> Result<Vec<Changes>, ImageError> {
    if diff_ids.len() != count {
        let why = format!("it names {} layers, and there are {count}", diff_ids.len());
        return Err(ImageError::malformed("the configuration", why));
    }
    if count as u64 > limits.layers {
        let what = "the image".to_owned();
        return Err(ImageError::TooMuch { what, of: "layers", most: limits.layers, limit: "layers" });
    }
    let budget = Budget::new();
    // The largest first: one that begins last is at work alone in the end.
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|at| Reverse(blob(*at).map_or(0, |(_, size)| size)));
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Vec<Mutex<Option<Result<Changes, ImageError>>>> = (0..count).map(|_| Mutex::new(None)).collect();
    let work = || {
        while !stopped.load(Ordering::Relaxed) {
            let Some(&at) = order.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let name = format!("the layer {}", name(at));
            let expected = Expected { name: &name, blob: blob(at), diff_id: &diff_ids[at] };
            let result = open(at).and_then(|from| layer::read(from, &expected, limits, &budget));
            if result.is_err() {
                stopped.store(true, Ordering::Relaxed);
            }
            *results[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    };
    thread::scope(|scope| {
        for _ in 1..parallel.min(count) {
            scope.spawn(work);
        }
        work();
    });
    let results: Vec<_> =
        results.into_iter().filter_map(|it| it.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
    let read: Vec<Changes> = results.into_iter().collect::<Result<_, _>>()?;
    if read.len() < count {
        return Err(ImageError::malformed("the image", "reading of its layers was broken off"));
    }
    Ok(read)
}

fn assemble(head: Head, changes: Vec<Changes>, blobs: &[Descriptor], options: &Options) -> Result<Image, ImageError> {
    let mut steps = head.config.history.iter().filter(|step| !step.empty_layer);
    let mut tree = Tree::default();
    let (mut layers, mut texts) = (Vec::new(), Vec::new());
    for (at, mut changes) in changes.into_iter().enumerate() {
        let kept = std::mem::take(&mut changes.texts).into_iter();
        texts.extend(kept.map(|(path, text)| TextFile { path: path.into(), layer: at, text }));
        let blob = blobs.get(at);
        let layer = Layer {
            digest: blob.map(|blob| blob.digest.clone()),
            diff_id: head.config.diff_ids[at].clone(),
            media_type: blob.map(|blob| blob.media_type.to_string()).unwrap_or_default(),
            size: changes.packed,
            unpacked: changes.unpacked,
            entries: changes.entries.len(),
            created_by: steps.next().and_then(|step| step.created_by.clone()),
        };
        tree.apply(at, &format!("the layer {}", layer.diff_id), changes)?;
        layers.push(layer);
    }
    let inventory = collect(&tree);
    let listed = |wanted: fn(&crate::tree::Node) -> bool| -> Vec<String> {
        tree.iter().filter(|(_, node)| wanted(node)).map(|(path, _)| path.to_owned()).take(MAX_LISTED).collect()
    };
    let problem = |(layer, trouble): (usize, layer::Trouble)| FileProblem {
        path: trouble.path.into(),
        layer,
        what: trouble.what,
    };
    Ok(Image {
        reference: None,
        digest: head.digest,
        index: head.index,
        id: head.id,
        media_type: head.media_type,
        annotations: head.annotations,
        platform: head.config.platform.clone().unwrap_or_default(),
        platforms: head.platforms,
        base: options.bases.find(&head.config.diff_ids),
        config: head.config,
        layers,
        os: inventory.os,
        packages: inventory.packages,
        files: tree.iter().count(),
        setuid: listed(|node| matches!(node.kind, Kind::File) && node.mode & SET_ID != 0),
        special: listed(|node| matches!(node.kind, Kind::Special)),
        texts,
        problems: inventory.troubles.into_iter().map(problem).collect(),
    })
}

#[cfg(test)]
mod end_to_end;
#[cfg(test)]
mod tests;
