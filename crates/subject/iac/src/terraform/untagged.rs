//! Types of AWS resources that have no tags, so that the tags of a provider do not reach them: from the schemas of the provider's
//! releases 5.100 and 6.62.

use std::collections::HashSet;
use std::sync::LazyLock;

/// One type a line.
static TYPES: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("untagged.txt").lines().collect());

/// Whether resources of this type have no tags. Of a type that is not known it is taken that they have, as most do.
pub(super) fn contains(resource_type: &str) -> bool {
    TYPES.contains(resource_type)
}
