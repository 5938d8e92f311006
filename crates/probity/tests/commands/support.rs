//! What the tests have in common.

use std::path::Path;
use std::process::{Command, Output};

/// A security group that the catalog objects to.
pub(crate) const OPEN: &str = "resource \"aws_security_group\" \"open\" {\n  ingress {\n    from_port = 22\n    to_port = 22\n    \
                    protocol = \"tcp\"\n    cidr_blocks = [\"0.0.0.0/0\"]\n  }\n}\n";

/// Runs the command in a folder.
pub(crate) fn probity(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_probity")).args(arguments).current_dir(folder).output().unwrap()
}

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
