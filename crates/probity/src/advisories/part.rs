//! Files that are not finished.

use std::path::{Path, PathBuf};

use probity_vulnerabilities::database::part_prefix;

/// Takes files away that this process has not finished when it is interrupted or told to end, and folders that are its own;
/// what was there before stays.
pub(crate) fn remove_when_interrupted(folders: &[&Path], own: Option<&Path>) {
    const INTERRUPTED: i32 = 130;
    let folders: Vec<PathBuf> = folders.iter().map(|folder| here(folder)).collect();
    let own = own.map(Path::to_path_buf);
    // Without it a file stays that nobody reads.
    let _ = ctrlc::set_handler(move || {
        for folder in &folders {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            for entry in entries.filter(|it| it.file_name().to_string_lossy().starts_with(&part_prefix())) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        if let Some(own) = &own {
            let _ = std::fs::remove_dir_all(own);
        }
        eprintln!("interrupted: nothing was changed");
        std::process::exit(INTERRUPTED);
    });
}

/// The folder of a file that is named without one is this.
fn here(folder: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_path_buf() }
}
