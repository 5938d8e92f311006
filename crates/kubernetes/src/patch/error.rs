/// Why a patch cannot be read or applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch is no list of operations.
    #[error("a JSON patch is a list of operations, not a {0}")]
    NoList(&'static str),
    /// An operation is malformed.
    #[error("operation {index} of the JSON patch: {reason}")]
    Operation {
        /// Its position, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An operation has no place to act on.
    #[error("{operation} operation does not apply: document is missing path `{path}`")]
    Missing {
        /// Its name, such as `add`.
        operation: &'static str,
        /// The place, a JSON pointer.
        path: String,
    },
    /// An index of a list that it does not have.
    #[error("`{0}` is no index of the list")]
    Index(String),
    /// A `test` operation did not hold.
    #[error("testing value at `{0}` failed")]
    Test(String),
    /// Patch and object have different kinds of values in one place.
    #[error("at `{path}` the object has a {object} and the patch a {patch}")]
    Kinds {
        /// The place, fields parted by dots.
        path: String,
        /// What the object has there.
        object: &'static str,
        /// What the patch has there.
        patch: &'static str,
    },
    /// A `$patch` directive that there is not.
    #[error("unknown patch strategy `{0}`; there are delete, merge and replace")]
    Directive(String),
    /// Objects or patches are nested too deeply, or have grown too large.
    #[error("patch or object is nested too deeply or has grown too large")]
    Bounds,
}
