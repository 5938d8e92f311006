//! What a file is, by its name and by a glance at its text.

use std::path::Path;

use crate::kubernetes::{self, Glance};
use crate::{cloudformation, dockerfile, github_actions};

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Terraform,
    Json,
    Yaml,
    /// `.template`: a CloudFormation template, or any other.
    MaybeCloudFormation,
    Dockerfile,
    /// Begins like a Dockerfile's name, as much else does: `dockerfile.rs`.
    MaybeDockerfile,
    /// Nothing that is read into subjects, and a text that may be looked through.
    Text,
    /// In the folder where GitHub looks for workflows.
    Workflow,
    /// `action.yml`: an action of GitHub's, or any other YAML.
    MaybeAction,
    /// YAML that the user names, which may be a workflow that lies elsewhere.
    NamedYaml,
    /// Nothing; read only when the user names the file.
    Unknown,
}

/// What a text turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Terraform,
    /// JSON that may be a Terraform plan or state.
    Plan,
    CloudFormation,
    Kubernetes,
    Dockerfile,
    /// A workflow of GitHub Actions, or an action.
    GitHubActions,
    /// What a template renders to cannot be told.
    Template,
    /// Nothing that is read.
    Other,
    /// Nothing that is read, and kept as a text.
    Text,
}

/// Endings after `Dockerfile.` that no Dockerfile has.
const NO_DOCKERFILE: &[&str] = &[
    "adoc",
    "bat",
    "dockerignore",
    "erb",
    "html",
    "in",
    "j2",
    "jinja",
    "jinja2",
    "md",
    "mustache",
    "ps1",
    "py",
    "pyi",
    "rst",
    "sh",
    "template",
    "tmpl",
    "tpl",
];

/// What the name of a file promises that the user names.
pub(super) fn by_given_name(path: &Path) -> Name {
    match by_name(path) {
        Name::Yaml => Name::NamedYaml,
        other => other,
    }
}

pub(super) fn by_name(path: &Path) -> Name {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()) else {
        return Name::Unknown;
    };
    let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
    let inner = stem.rsplit_once('.').map_or("", |(_, inner)| inner);
    match (inner, ending) {
        (_, "tf" | "tofu" | "tfvars") | ("tf" | "tofu" | "tfvars", "json") => Name::Terraform,
        (_, "json") => Name::Json,
        (_, "yaml" | "yml") if github_actions::is_workflow_path(path) => Name::Workflow,
        (_, "yaml" | "yml") if stem == "action" => Name::MaybeAction,
        (_, "yaml" | "yml") => Name::Yaml,
        (_, "template") => Name::MaybeCloudFormation,
        (_, "dockerfile" | "containerfile") => Name::Dockerfile,
        _ => match name.split_once('.') {
            None if matches!(name.as_str(), "dockerfile" | "containerfile") => Name::Dockerfile,
            Some(("dockerfile" | "containerfile", _)) if !NO_DOCKERFILE.contains(&ending) => Name::MaybeDockerfile,
            _ => Name::Unknown,
        },
    }
}

/// Whether bytes may be something that is read; never wrong when it says no.
pub(super) fn is_candidate(name: Name, text: &[u8]) -> bool {
    match name {
        Name::Json => has_plan(text) || has_object(text) || has_template(text),
        Name::Yaml => has_object(text) || has_template(text),
        Name::MaybeAction => memchr::memmem::find(text, b"runs").is_some() || has_object(text) || has_template(text),
        Name::MaybeCloudFormation => has_template(text),
        _ => true,
    }
}

fn has_plan(text: &[u8]) -> bool {
    let has = |name: &[u8]| memchr::memmem::find(text, name).is_some();
    has(b"\"format_version\"") || has(b"\"terraform_version\"") && has(b"\"lineage\"")
}

/// Whether a text begins as `terraform show -json` begins it.
pub(super) fn begins_as_plan(text: &[u8]) -> bool {
    let rest = text.trim_ascii_start().strip_prefix(b"{").unwrap_or_default();
    rest.trim_ascii_start().starts_with(b"\"format_version\"")
}

fn has_object(text: &[u8]) -> bool {
    memchr::memmem::find(text, b"apiVersion").is_some() && memchr::memmem::find(text, b"kind").is_some()
}

fn has_template(text: &[u8]) -> bool {
    let has = |word: &[u8]| memchr::memmem::find(text, word).is_some();
    has(b"AWSTemplateFormatVersion") || has(b"Resources") && has(b"AWS::")
}

pub(super) fn by_content(name: Name, text: &str) -> Content {
    match name {
        Name::Terraform => Content::Terraform,
        Name::Dockerfile => Content::Dockerfile,
        Name::Workflow => Content::GitHubActions,
        Name::MaybeAction if github_actions::glance_action(text) => Content::GitHubActions,
        Name::NamedYaml if github_actions::glance(text) => Content::GitHubActions,
        Name::MaybeDockerfile if dockerfile::glance(text) => Content::Dockerfile,
        Name::Json | Name::Unknown if has_plan(text.as_bytes()) => Content::Plan,
        Name::Json | Name::Yaml | Name::NamedYaml | Name::MaybeAction | Name::MaybeCloudFormation | Name::Unknown
            if cloudformation::glance(text) =>
        {
            Content::CloudFormation
        }
        Name::MaybeDockerfile | Name::MaybeCloudFormation | Name::Text => Content::Other,
        Name::Unknown if dockerfile::glance(text) => Content::Dockerfile,
        Name::Json | Name::Yaml | Name::NamedYaml | Name::MaybeAction | Name::Unknown => manifest(text),
    }
}

fn manifest(text: &str) -> Content {
    match kubernetes::glance(text) {
        Glance::Manifest => Content::Kubernetes,
        Glance::Template => Content::Template,
        Glance::Other => Content::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, expected) in [
            ("main.tf", Name::Terraform),
            ("main.tofu", Name::Terraform),
            ("a.tf.json", Name::Terraform),
            ("a.tofu.json", Name::Terraform),
            ("x.auto.tfvars", Name::Terraform),
            ("x.tfvars.json", Name::Terraform),
            ("plan.json", Name::Json),
            ("a.yaml", Name::Yaml),
            ("a.b.YML", Name::Yaml),
            ("Dockerfile", Name::Dockerfile),
            ("containerfile", Name::Dockerfile),
            ("api.Dockerfile", Name::Dockerfile),
            ("Dockerfile.prod", Name::MaybeDockerfile),
            ("dockerfile.rs", Name::MaybeDockerfile),
            ("Containerfile.x.y", Name::MaybeDockerfile),
            ("Dockerfile.dockerignore", Name::Unknown),
            ("Dockerfile.j2", Name::Unknown),
            ("Dockerfile.yaml", Name::Yaml),
            ("Dockerfiles", Name::Unknown),
            ("terraform.tfstate", Name::Unknown),
            ("stack.template", Name::MaybeCloudFormation),
            ("stack.template.json", Name::Json),
            ("README.md", Name::Unknown),
            ("action.yml", Name::MaybeAction),
            ("Action.yaml", Name::MaybeAction),
            (".github/workflows/ci.yml", Name::Workflow),
            (".github/workflows/action.yaml", Name::Workflow),
            (".github/workflows/notes.md", Name::Unknown),
            (".github/workflows/deep/ci.yml", Name::Yaml),
            ("workflows/ci.yml", Name::Yaml),
        ] {
            assert_eq!(by_name(Path::new("a/b").join(name).as_path()), expected, "{name}");
        }
    }

    #[test]
    fn contents() {
        for (name, text, expected) in [
            (Name::Json, r#"{"lockfileVersion": 3}"#, Content::Other),
            (Name::Json, r#"{"format_version": "1.2"}"#, Content::Plan),
            (Name::Json, r#"{"apiVersion": "v1", "kind": "Pod"}"#, Content::Kubernetes),
            (Name::Json, r#"{"Resources": {"A": {"Type": "AWS::S3::Bucket"}}}"#, Content::CloudFormation),
            (Name::Yaml, "Resources:\n  A:\n    Type: AWS::S3::Bucket\n", Content::CloudFormation),
            (Name::MaybeCloudFormation, "AWSTemplateFormatVersion: 2010-09-09\n", Content::CloudFormation),
            (Name::MaybeCloudFormation, "server { listen 80; }\n", Content::Other),
            (
                Name::Yaml,
                "apiVersion: v1\nkind: ConfigMap\ndata:\n  t: |\n    Resources:\n      A: {Type: AWS::X}\n",
                Content::Kubernetes,
            ),
            (Name::Yaml, "apiVersion: v1\nkind: Pod\nname: {{ .Values.name }}\n", Content::Template),
            (Name::MaybeDockerfile, "# a\n\nARG A\nFROM b\n", Content::Dockerfile),
            (Name::MaybeDockerfile, "//! A parser.\n", Content::Other),
            (Name::Unknown, "FROM a\n", Content::Dockerfile),
            (Name::Unknown, "hello\n", Content::Other),
            (Name::Workflow, "name: x\n", Content::GitHubActions),
            (Name::MaybeAction, "name: x\nruns:\n  using: node24\n", Content::GitHubActions),
            (Name::MaybeAction, "name: x\n", Content::Other),
            (Name::NamedYaml, "\"on\": push\njobs:\n  a: {}\n", Content::GitHubActions),
            (Name::NamedYaml, "a: b\n", Content::Other),
            (Name::Yaml, "on: push\njobs:\n  a: {}\n", Content::Other),
        ] {
            assert_eq!(by_content(name, text), expected, "{text}");
        }
    }
}
