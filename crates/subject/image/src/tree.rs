//! The files of an image: its layers laid over each other, nothing written anywhere.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::error::ImageError;
use crate::inventory::Extract;
use crate::layer::{Changes, Kind, Trouble};

/// Most links that are followed for one name, as Linux has it.
const MAX_LINKS: usize = 40;

/// Most parts of one name, with the links in it followed.
const MAX_PARTS: usize = 4096;

/// A file, folder or link of an image.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The layer that it is from.
    pub(crate) layer: usize,
    pub(crate) kind: Kind,
    pub(crate) size: u64,
    pub(crate) mode: u32,
    pub(crate) extract: Option<Arc<Extract>>,
}

/// Something that a layer had to say, seen or not in the end.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) layer: usize,
    pub(crate) path: Box<str>,
    pub(crate) extract: Arc<Extract>,
}

/// All files, by their path from the root.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: BTreeMap<Box<str>, Node>,
    /// Databases of packages of all layers, in their order: they tell which layer a package came with.
    pub(crate) history: Vec<Said>,
    pub(crate) troubles: Vec<(usize, Trouble)>,
    /// The folder that was resolved last; most entries follow one of the same folder.
    last: Option<(Box<str>, String)>,
}

impl Tree {
    /// Lays a layer on top. What it takes away is of the layers below, wherever in it that stands.
    pub(crate) fn apply(&mut self, layer: usize, name: &str, changes: Changes) -> Result<(), ImageError> {
        self.troubles.extend(changes.troubles.into_iter().map(|trouble| (layer, trouble)));
        for whiteout in &changes.whiteouts {
            if let Some(path) = self.place(whiteout) {
                self.remove(&path, true);
            }
        }
        for folder in &changes.opaque {
            if let Some(path) = self.resolve(folder) {
                self.remove(&path, false);
            }
        }
        for change in changes.entries {
            let refuse = |why: &str| ImageError::Refused {
                layer: name.to_owned(),
                entry: change.path.chars().take(200).flat_map(char::escape_debug).collect(),
                why: why.to_owned(),
            };
            let path = self.place(&change.path).ok_or_else(|| refuse("lies in folders that are links without end"))?;
            if path.is_empty() {
                continue;
            }
            if self.lies_in_a_file(&path) {
                return Err(refuse("lies in something that is no folder"));
            }
            let node = match change.kind {
                Kind::HardLink(to) => match self.place(&to).and_then(|to| self.nodes.get(to.as_str())) {
                    Some(target) if !matches!(target.kind, Kind::Directory) => Node { layer, ..target.clone() },
                    _ => {
                        let what = format!("it is a link to {to}, which is no file");
                        self.troubles.push((layer, Trouble { path: change.path, what }));
                        continue;
                    }
                },
                kind => Node { layer, kind, size: change.size, mode: change.mode, extract: change.extract },
            };
            self.put(path, node);
        }
        Ok(())
    }

    fn put(&mut self, path: String, node: Node) {
        if let Some(extract) = node.extract.as_ref().filter(|extract| extract.is_database()) {
            let extract = Arc::clone(extract);
            self.history.push(Said { layer: node.layer, path: path.as_str().into(), extract });
        }
        let folder = matches!(node.kind, Kind::Directory);
        let over_folder = self.nodes.get(path.as_str()).is_some_and(|before| matches!(before.kind, Kind::Directory));
        if !folder {
            self.remove(&path, true);
        }
        // A folder over a folder: what is in it stays, and the layer it came with too.
        if !(folder && over_folder) {
            self.forget(&path);
            self.nodes.insert(path.into(), node);
        }
    }

    /// Takes away what lies below a path, and the path itself.
    fn remove(&mut self, path: &str, itself: bool) {
        self.forget(path);
        if itself {
            self.nodes.remove(path);
        }
        if path.is_empty() {
            self.nodes.clear();
            return;
        }
        // `0` is the character after `/`.
        let (from, to) = (format!("{path}/"), format!("{path}0"));
        let below = (Bound::Included(from.as_str()), Bound::Excluded(to.as_str()));
        let doomed: Vec<Box<str>> = self.nodes.range::<str, _>(below).map(|(path, _)| path.clone()).collect();
        for path in doomed {
            self.nodes.remove(&path);
        }
    }

    fn forget(&mut self, path: &str) {
        let within =
            |folder: &str| folder.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if self.last.as_ref().is_some_and(|(asked, found)| within(asked) || within(found)) {
            self.last = None;
        }
    }

    fn lies_in_a_file(&self, path: &str) -> bool {
        path.rsplit_once('/')
            .and_then(|(folder, _)| self.nodes.get(folder))
            .is_some_and(|node| !matches!(node.kind, Kind::Directory))
    }

    /// Where an entry of this name is put: its folder with all links followed, inside of the root.
    fn place(&mut self, path: &str) -> Option<String> {
        let (folder, base) = path.rsplit_once('/').unwrap_or(("", path));
        if folder.is_empty() {
            return Some(base.to_owned());
        }
        let found = match &self.last {
            Some((asked, found)) if **asked == *folder => found.clone(),
            _ => {
                let found = self.resolve(folder)?;
                self.last = Some((folder.into(), found.clone()));
                found
            }
        };
        Some(if found.is_empty() { base.to_owned() } else { format!("{found}/{base}") })
    }

    /// A path with all links in it followed, also the last. `..` stays inside of the root, as for a process whose root
    /// it is. `None` when links lead on without end.
    pub(crate) fn resolve(&self, path: &str) -> Option<String> {
        let mut rest: Vec<&str> = path.split('/').rev().collect();
        let mut found: Vec<&str> = Vec::new();
        let (mut links, mut parts) = (0, 0);
        while let Some(part) = rest.pop() {
            parts += 1;
            if parts > MAX_PARTS {
                return None;
            }
            match part {
                "" | "." => continue,
                ".." => {
                    found.pop();
                    continue;
                }
                _ => found.push(part),
            }
            let Some(Kind::Symlink(to)) = self.nodes.get(found.join("/").as_str()).map(|node| &node.kind) else {
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return None;
            }
            found.pop();
            if to.starts_with('/') {
                found.clear();
            }
            rest.extend(to.split('/').rev());
        }
        Some(found.join("/"))
    }

    /// What a path leads to.
    pub(crate) fn get(&self, path: &str) -> Option<(String, &Node)> {
        let path = self.resolve(path)?;
        let node = self.nodes.get(path.as_str())?;
        Some((path, node))
    }

    /// All of them, by path.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (&**path, node))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::Digest;
    use crate::layer::tests::Layer;
    use crate::layer::{Budget, Expected, read};
    use crate::limits::Limits;

    fn lay(layers: &[Layer]) -> Result<Tree, ImageError> {
        let mut tree = Tree::default();
        for (number, layer) in layers.iter().enumerate() {
            let tar = layer.tar();
            let expected = Expected { name: "layer", blob: None, diff_id: &Digest::sha256(&tar) };
            tree.apply(number, "layer", read(&tar[..], &expected, &Limits::default(), &Budget::new())?)?;
        }
        Ok(tree)
    }

    fn paths(tree: &Tree) -> Vec<String> {
        tree.iter().map(|(path, node)| format!("{path}@{}", node.layer)).collect()
    }

    #[test]
    fn layers_hide_what_is_below_them() {
        let base = || Layer::default().folder("a").file("a/x", "1").file("a/y", "1").folder("a/d").file("a/d/z", "1");
        let cases: [(Layer, &[&str]); 7] = [
            (Layer::default().file("a/.wh.x", ""), &["a@0", "a/d@0", "a/d/z@0", "a/y@0"]),
            (Layer::default().file("a/.wh.d", ""), &["a@0", "a/x@0", "a/y@0"]),
            (Layer::default().file(".wh.a", ""), &[]),
            // What a layer brings itself stays, wherever in it the mark stands.
            (Layer::default().file("a/n", "2").file("a/.wh..wh..opq", ""), &["a@0", "a/n@1"]),
            (Layer::default().file("a/x", "2").file("a/.wh.x", ""), &["a@0", "a/d@0", "a/d/z@0", "a/x@1", "a/y@0"]),
            (Layer::default().file("a", "2"), &["a@1"]),
            (Layer::default().folder("a/x"), &["a@0", "a/d@0", "a/d/z@0", "a/x@1", "a/y@0"]),
        ];
        for (number, (layer, expected)) in cases.into_iter().enumerate() {
            assert_eq!(paths(&lay(&[base(), layer]).unwrap()), expected, "case {number}");
        }
    }

    #[test]
    fn names_that_begin_alike_are_not_below() {
        let base = Layer::default().folder("a").file("a/x", "").file("a.b", "").file("a0", "").file("a-c", "");
        assert_eq!(paths(&lay(&[base, Layer::default().file(".wh.a", "")]).unwrap()), ["a-c@0", "a.b@0", "a0@0"]);
    }

    #[test]
    fn folders_that_are_links_are_followed_inside_of_the_root() {
        let base = Layer::default()
            .folder("usr")
            .folder("usr/lib")
            .symlink("lib", "usr/lib")
            .symlink("abs", "/usr/../../../usr/lib")
            .symlink("chain", "lib");
        let next = Layer::default().file("lib/a", "").file("abs/b", "").file("chain/c", "").file("lib/.wh.gone", "");
        let tree = lay(&[base, next]).unwrap();
        for path in ["usr/lib/a", "usr/lib/b", "usr/lib/c"] {
            assert_eq!(tree.get(path).unwrap().1.layer, 1, "{path}");
        }
        assert_eq!(tree.resolve("chain/../lib/x"), Some("usr/lib/x".into()));
        assert_eq!(tree.resolve("../../etc"), Some("etc".into()));
    }

    #[test]
    fn links_without_end_and_files_as_folders_are_refused() {
        let cases = [
            (Layer::default().symlink("a", "b").symlink("b", "a").file("a/x", ""), "without end"),
            (Layer::default().file("a", "").file("a/b", ""), "no folder"),
        ];
        for (layer, part) in cases {
            let error = lay(&[layer]).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn hard_links_have_what_they_lead_to() {
        let base = Layer::default().file("a", "12");
        let tree = lay(&[base, Layer::default().hardlink("b", "a").hardlink("c", "none").file(".wh.a", "")]).unwrap();
        // The file that was taken away cannot be linked to.
        assert_eq!((paths(&tree), tree.troubles.len()), (vec![], 2));
        let tree = lay(&[Layer::default().file("a", "12").hardlink("b", "a")]).unwrap();
        assert_eq!(tree.get("b").unwrap().1.size, 2);
    }

    proptest! {
        #[test]
        fn nothing_leaves_the_root(
            entries in proptest::collection::vec(("[ab./]{1,6}", 0..4_u8, "[ab./]{1,6}"), 0..12),
        ) {
            let layer = entries.iter().fold(Layer::default(), |layer, (name, kind, to)| match kind {
                0 => layer.file(name, "x"),
                1 => layer.folder(name),
                2 => layer.symlink(name, to),
                _ => layer.hardlink(name, to),
            });
            if let Ok(tree) = lay(&[layer]) {
                for (path, _) in tree.iter() {
                    prop_assert!(!path.starts_with('/') && !path.split('/').any(|part| matches!(part, "" | "." | "..")));
                }
            }
        }
    }
}
