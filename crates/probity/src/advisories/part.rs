//! Files that are not finished.

use std::path::Path;

use probity_vulnerabilities::database::part_prefix;

/// Takes files away that this process has not finished when it is interrupted; what was there before stays.
pub(crate) fn remove_when_interrupted(folders: &[&Path]) {
    const INTERRUPTED: i32 = 130;
    let folders: Vec<_> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    // Without it a file stays that nobody reads.
    let _ = ctrlc::set_handler(move || {
        for folder in &folders {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            for entry in entries.filter(|it| it.file_name().to_string_lossy().starts_with(&part_prefix())) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        eprintln!("interrupted: nothing was changed");
        std::process::exit(INTERRUPTED);
    });
}
