//! Which files are searched, by their names.

use std::path::Path;

use crate::Syntax;

/// Largest text that is searched, in bytes: what is larger is data.
pub const MAX_SIZE: u64 = 10 << 20;

/// Files that have secrets in them, known by their whole name; hidden ones among them are looked into all the same.
const NAMES: &[&str] = &[
    ".boto",
    ".dockercfg",
    ".dockerconfigjson",
    ".env",
    ".envrc",
    ".git-credentials",
    ".htpasswd",
    ".my.cnf",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".s3cfg",
    ".yarnrc",
    "_netrc",
    "credentials",
    "jenkinsfile",
    "makefile",
    "procfile",
    "userdata",
    "vagrantfile",
];

/// Endings of configurations and scripts.
const PLAIN: &[&str] = &[
    "bash",
    "bat",
    "bicep",
    "cfg",
    "cmd",
    "cnf",
    "conf",
    "config",
    "containerfile",
    "dockerfile",
    "env",
    "ini",
    "j2",
    "key",
    "ksh",
    "pem",
    "plist",
    "ppk",
    "properties",
    "ps1",
    "psm1",
    "service",
    "sh",
    "sql",
    "template",
    "tmpl",
    "toml",
    "tpl",
    "xml",
    "yaml",
    "yml",
    "zsh",
];

const HCL: &[&str] = &["hcl", "nomad", "pkr", "sentinel", "tf", "tfvars", "tofu"];

/// Endings of programs.
const CODE: &[&str] = &[
    "c", "cc", "cpp", "cs", "dart", "ex", "exs", "go", "gradle", "groovy", "h", "java", "js", "jsx", "kt", "kts",
    "lua", "mjs", "php", "pl", "pm", "py", "rb", "rs", "scala", "swift", "ts", "tsx", "vb", "vue",
];

/// Files that list what others published: full of digests.
const LOCKS: &[&str] = &[
    "cargo.lock",
    "composer.lock",
    "gemfile.lock",
    "go.sum",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "packages.lock.json",
    "pipfile.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "pubspec.lock",
    "uv.lock",
    "yarn.lock",
];

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// Whether a file of this name is searched for secrets: infrastructure code, configurations, scripts and programs, and not what
/// package managers and compilers of scripts write.
pub fn is_searched(path: &Path) -> bool {
    let name = name_of(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let listed = NAMES.contains(&name.as_str()) || name.starts_with(".env.") || name.starts_with("dockerfile");
    let ends = || [PLAIN, HCL, CODE, &["json"]].iter().any(|endings| endings.contains(&ending));
    let made = LOCKS.contains(&name.as_str()) || name.ends_with(".min.js") || name.ends_with(".d.ts");
    (listed || ends()) && !made && !in_dependencies(path)
}

/// Whether a file that is hidden is searched all the same.
pub fn is_searched_hidden(name: &str) -> bool {
    NAMES.contains(&name) || name.starts_with(".env.")
}

fn in_dependencies(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "node_modules")
}

impl Syntax {
    /// What a file of this name is written in.
    pub fn of(path: &Path) -> Self {
        let name = name_of(path);
        match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            ending if HCL.contains(&ending) => Self::Hcl,
            ending if CODE.contains(&ending) => Self::Code,
            "json" | "tfstate" => Self::Json,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        for (path, searched) in [
            ("main.tf", true),
            ("prod.auto.tfvars", true),
            ("a/values.yaml", true),
            (".env", true),
            ("a/.env.production", true),
            ("Dockerfile.prod", true),
            ("src/app.py", true),
            ("deploy.sh", true),
            ("id_rsa.pem", true),
            ("package-lock.json", false),
            ("go.sum", false),
            ("logo.png", false),
            ("README.md", false),
            ("web/node_modules/x/index.js", false),
            ("app.min.js", false),
        ] {
            assert_eq!(is_searched(Path::new(path)), searched, "{path}");
        }
    }
}
