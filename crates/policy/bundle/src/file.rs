/// A file of a bundle.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Its path from the root of the bundle, with `/` and without one in front.
    pub(crate) name: String,
    /// Its content.
    pub(crate) bytes: Vec<u8>,
}

impl File {
    /// The last part of its path.
    pub(crate) fn base(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// The folders that it lies in, as parts of a path in `data`.
    pub(crate) fn place(&self) -> Vec<String> {
        let folder = self.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        // As OPA: dots in front of the path mean nothing.
        let folder = folder.trim_start_matches(['/', '.']);
        folder.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}
