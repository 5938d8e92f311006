//! Where scanned files come from, and who is asking: as the CI system or git says.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use probity_evidence_ledger::Origin;

/// Longest token of a service account that is read, in bytes.
const MAX_TOKEN: u64 = 64 << 10;

/// A CI system by the variables that it sets.
struct Ci {
    name: &'static str,
    /// Set where the system runs.
    mark: &'static str,
    repository: &'static [&'static str],
    commit: &'static str,
    reference: &'static [&'static str],
    actor: &'static [&'static str],
    /// The workspace of Terraform, when the system runs it.
    workspace: &'static [&'static str],
    /// What tells one run from another, joined.
    run: &'static [&'static str],
    /// A link to the run; those of GitHub and Azure are put together.
    link: &'static str,
    /// What it numbers builds by.
    number: &'static [&'static str],
    /// The tag that is built.
    tag: &'static [&'static str],
    /// What the build runs as: its workflow, or its service account.
    identity: &'static [&'static str],
    /// The machine that it runs on.
    runner: &'static [&'static str],
    /// When it began.
    started: &'static str,
}

/// What no system says.
const SILENT: Ci = Ci {
    name: "",
    mark: "",
    repository: &[],
    commit: "",
    reference: &[],
    actor: &[],
    workspace: &[],
    run: &[],
    link: "",
    number: &[],
    tag: &[],
    identity: &[],
    runner: &[],
    started: "",
};

/// By each system's documentation of the variables that it sets.
const SYSTEMS: &[Ci] = &[
    // Those that run Terraform come first: they run in containers that may set what others are known by.
    Ci {
        name: "atlantis",
        mark: "ATLANTIS_TERRAFORM_VERSION",
        repository: &["BASE_REPO_OWNER", "BASE_REPO_NAME"],
        commit: "HEAD_COMMIT",
        reference: &["HEAD_BRANCH_NAME"],
        actor: &["USER_NAME", "PULL_AUTHOR"],
        workspace: &["WORKSPACE"],
        run: &[
            "BASE_REPO_OWNER",
            "BASE_REPO_NAME",
            "PULL_NUM",
            "HEAD_COMMIT",
            "PROJECT_NAME",
            "REPO_REL_DIR",
            "WORKSPACE",
        ],
        link: "PULL_URL",
        number: &["PULL_NUM"],
        ..SILENT
    },
    Ci {
        name: "hcp-terraform",
        mark: "TFC_RUN_ID",
        commit: "TFC_CONFIGURATION_VERSION_GIT_COMMIT_SHA",
        reference: &["TFC_CONFIGURATION_VERSION_GIT_BRANCH", "TFC_CONFIGURATION_VERSION_GIT_TAG"],
        workspace: &["TFC_WORKSPACE_SLUG"],
        run: &["TFC_WORKSPACE_SLUG", "TFC_RUN_ID"],
        number: &["TFC_RUN_ID"],
        ..SILENT
    },
    Ci {
        name: "github",
        mark: "GITHUB_ACTIONS",
        repository: &["GITHUB_SERVER_URL", "GITHUB_REPOSITORY"],
        commit: "GITHUB_SHA",
        reference: &["GITHUB_REF"],
        actor: &["GITHUB_ACTOR"],
        run: &["GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB"],
        number: &["GITHUB_RUN_NUMBER"],
        identity: &["GITHUB_WORKFLOW_REF", "GITHUB_WORKFLOW"],
        runner: &["RUNNER_NAME"],
        ..SILENT
    },
    Ci {
        name: "gitlab",
        mark: "GITLAB_CI",
        repository: &["CI_PROJECT_URL"],
        commit: "CI_COMMIT_SHA",
        reference: &["CI_COMMIT_REF_NAME"],
        actor: &["GITLAB_USER_LOGIN"],
        run: &["CI_PROJECT_PATH", "CI_PIPELINE_ID", "CI_JOB_ID"],
        link: "CI_JOB_URL",
        number: &["CI_PIPELINE_IID"],
        tag: &["CI_COMMIT_TAG"],
        identity: &["CI_JOB_NAME"],
        runner: &["CI_RUNNER_DESCRIPTION", "CI_RUNNER_ID"],
        started: "CI_PIPELINE_CREATED_AT",
        ..SILENT
    },
    Ci {
        name: "azure",
        mark: "TF_BUILD",
        repository: &["BUILD_REPOSITORY_URI"],
        commit: "BUILD_SOURCEVERSION",
        reference: &["BUILD_SOURCEBRANCH"],
        actor: &["BUILD_REQUESTEDFOREMAIL", "BUILD_REQUESTEDFOR"],
        run: &["SYSTEM_TEAMPROJECT", "BUILD_BUILDID", "SYSTEM_JOBID"],
        number: &["BUILD_BUILDNUMBER", "BUILD_BUILDID"],
        identity: &["BUILD_DEFINITIONNAME"],
        runner: &["AGENT_NAME"],
        started: "SYSTEM_PIPELINESTARTTIME",
        ..SILENT
    },
    Ci {
        name: "circleci",
        mark: "CIRCLECI",
        repository: &["CIRCLE_REPOSITORY_URL"],
        commit: "CIRCLE_SHA1",
        reference: &["CIRCLE_BRANCH", "CIRCLE_TAG"],
        actor: &["CIRCLE_USERNAME"],
        run: &["CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME", "CIRCLE_BUILD_NUM"],
        link: "CIRCLE_BUILD_URL",
        number: &["CIRCLE_BUILD_NUM"],
        tag: &["CIRCLE_TAG"],
        identity: &["CIRCLE_JOB"],
        ..SILENT
    },
    Ci {
        name: "buildkite",
        mark: "BUILDKITE",
        repository: &["BUILDKITE_REPO"],
        commit: "BUILDKITE_COMMIT",
        reference: &["BUILDKITE_BRANCH", "BUILDKITE_TAG"],
        actor: &["BUILDKITE_BUILD_CREATOR_EMAIL", "BUILDKITE_BUILD_CREATOR", "BUILDKITE_BUILD_AUTHOR"],
        run: &[
            "BUILDKITE_ORGANIZATION_SLUG",
            "BUILDKITE_PIPELINE_SLUG",
            "BUILDKITE_BUILD_NUMBER",
            "BUILDKITE_JOB_ID",
            "BUILDKITE_RETRY_COUNT",
        ],
        link: "BUILDKITE_BUILD_URL",
        number: &["BUILDKITE_BUILD_NUMBER"],
        tag: &["BUILDKITE_TAG"],
        identity: &["BUILDKITE_PIPELINE_SLUG"],
        runner: &["BUILDKITE_AGENT_NAME"],
        ..SILENT
    },
    Ci {
        name: "jenkins",
        mark: "JENKINS_URL",
        repository: &["GIT_URL"],
        commit: "GIT_COMMIT",
        reference: &["GIT_BRANCH"],
        actor: &["BUILD_USER_ID", "CHANGE_AUTHOR"],
        run: &["JOB_NAME", "BUILD_NUMBER", "EXECUTOR_NUMBER"],
        link: "BUILD_URL",
        number: &["BUILD_NUMBER"],
        tag: &["TAG_NAME"],
        identity: &["JOB_NAME"],
        runner: &["NODE_NAME"],
        ..SILENT
    },
    // Tekton sets nothing: a task gives its steps these from the context variables of the same names.
    Ci {
        name: "tekton",
        mark: "TEKTON_TASK_RUN",
        run: &["TEKTON_NAMESPACE", "TEKTON_PIPELINE_RUN", "TEKTON_TASK_RUN"],
        number: &["TEKTON_PIPELINE_RUN", "TEKTON_TASK_RUN"],
        identity: &["TEKTON_PIPELINE", "TEKTON_TASK"],
        ..SILENT
    },
];

/// Where Kubernetes puts the token of the service account that a pod runs as.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// What is known of a run.
pub(crate) struct Run {
    pub(crate) origin: Origin,
    /// The gate's name, when the CI system gives each run one of its own.
    pub(crate) gate: Option<String>,
    /// The build, as the CI system tells of it.
    pub(crate) build: Build,
}

/// What a CI system tells of the build that it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Build {
    /// The CI system.
    pub(crate) system: Option<&'static str>,
    /// The number that it gave the build.
    pub(crate) number: Option<String>,
    /// The tag that is built.
    pub(crate) tag: Option<String>,
    /// What the build runs as, and on which machine.
    pub(crate) builder: Option<String>,
    /// When it began.
    pub(crate) started: Option<Timestamp>,
}

/// Looks at the environment and, where that says nothing, at the repository of the files.
pub(crate) fn of(folder: &Path) -> Run {
    describe(&|name| std::env::var(name).ok(), &|arguments| git(folder, arguments))
}

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

fn describe(variable: Lookup<'_>, git: &dyn Fn(&[&str]) -> Option<String>) -> Run {
    let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let host = set("HOSTNAME").or_else(|| first_line("/proc/sys/kernel/hostname"));
    let repository = || git(&["config", "--get", "remote.origin.url"]).map(|url| without_credentials(&url));
    let commit = || git(&["rev-parse", "HEAD"]);
    let reference = || git(&["symbolic-ref", "--short", "HEAD"]);
    if let Some(ci) = SYSTEMS.iter().find(|ci| set(ci.mark).is_some()) {
        let all = |names: &[&str]| names.iter().map(|name| set(name)).collect::<Option<Vec<_>>>();
        let first = |names: &[&str]| names.iter().find_map(|name| set(name));
        let named = all(ci.repository).filter(|parts| !parts.is_empty()).map(|parts| parts.join("/"));
        let link = link(ci, named.as_deref(), &set);
        let origin = Origin {
            repository: named.map(|url| without_credentials(&url)).or_else(repository),
            commit: set(ci.commit).or_else(commit),
            reference: first(ci.reference).or_else(reference),
            actor: first(ci.actor),
            workspace: all(ci.workspace).filter(|parts| !parts.is_empty()).map(|parts| parts.join("/")),
            stage: None,
            run: link,
            host,
        };
        let run = ci.run.iter().filter_map(|name| set(name)).collect::<Vec<_>>().join("/");
        let gate = (!run.is_empty()).then(|| format!("{}/{run}", ci.name));
        return Run { build: build(ci, &set, origin.reference.as_deref()), origin, gate };
    }
    let origin = Origin {
        repository: repository(),
        commit: commit(),
        reference: reference(),
        actor: set("USER").or_else(|| set("LOGNAME")),
        workspace: None,
        stage: None,
        run: None,
        host,
    };
    Run { origin, gate: None, build: Build::default() }
}

/// Where a run can be looked at, without credentials.
fn link(ci: &Ci, repository: Option<&str>, set: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let link = match ci.name {
        "github" => format!("{}/actions/runs/{}", repository?, set("GITHUB_RUN_ID")?),
        "azure" => {
            let server = with_scheme_without_credentials(&set("SYSTEM_COLLECTIONURI")?);
            let (project, number) = (set("SYSTEM_TEAMPROJECT")?, set("BUILD_BUILDID")?);
            return Some(format!("{server}/{project}/_build/results?buildId={number}"));
        }
        _ => set(ci.link)?,
    };
    Some(with_scheme_without_credentials(&link))
}

/// What the system tells of the build itself.
fn build(ci: &Ci, set: &dyn Fn(&str) -> Option<String>, reference: Option<&str>) -> Build {
    let first = |names: &[&str]| names.iter().find_map(|name| set(name));
    let identity = service_account(Path::new(SERVICE_ACCOUNT)).or_else(|| first(ci.identity));
    let builder = match (identity, first(ci.runner)) {
        (Some(identity), Some(runner)) => Some(format!("{identity} on {runner}")),
        (identity, runner) => identity.or(runner),
    };
    let tag = first(ci.tag).or_else(|| reference?.strip_prefix("refs/tags/").map(str::to_owned));
    let started = set(ci.started).and_then(|time| read_time(&time));
    Build { system: Some(ci.name), number: first(ci.number), tag, builder, started }
}

/// `2026-11-27T10:15:00Z`, and as Azure has it `2026-11-27 10:15:00+00:00`.
pub(crate) fn read_time(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok()
}

/// The service account that this pod runs as, `system:serviceaccount:ci:builder`, as its token says. Nothing else of the token is
/// looked at, and the token is not checked: that is for those who are shown it.
fn service_account(token: &Path) -> Option<String> {
    let mut text = String::new();
    std::fs::File::open(token).ok()?.take(MAX_TOKEN).read_to_string(&mut text).ok()?;
    let claims = URL_SAFE_NO_PAD.decode(text.trim().split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let subject = claims.get("sub")?.as_str()?;
    subject.starts_with("system:serviceaccount:").then(|| subject.to_owned())
}

/// The first line that git answers; none when it is not installed, or the folder is in no repository.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let folder = if folder.is_dir() { folder } else { folder.parent().filter(|parent| *parent != Path::new(""))? };
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    text.lines().next().map(str::to_owned).filter(|line| !line.is_empty())
}

fn first_line(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()?.lines().next().map(str::to_owned).filter(|line| !line.is_empty())
}

/// `https://user:token@host/a/b.git` and `git@host:a/b.git` are `host/a/b`.
pub(crate) fn without_credentials(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host_end = rest.find('/').unwrap_or(rest.len());
    let rest = match rest[..host_end].rfind('@') {
        Some(at) => &rest[at + 1..],
        None => rest,
    };
    let path = if url.contains("://") { rest.to_owned() } else { rest.replacen(':', "/", 1) };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    path.trim_end_matches('/').trim_end_matches(".git").to_owned()
}

/// The same, with the scheme.
pub(crate) fn with_scheme_without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://{}", without_credentials(url)),
        None => without_credentials(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_lose_their_credentials() {
        for url in [
            "https://github.com/acme/portal",
            "https://github.com/acme/portal.git",
            "https://ci:s3cr3t@github.com/acme/portal.git",
            "https://x-access-token:a@b@github.com/acme/portal.git?token=s3cr3t",
            "git@github.com:acme/portal.git",
            "ssh://git@github.com/acme/portal.git/",
        ] {
            assert_eq!(without_credentials(url), "github.com/acme/portal", "{url}");
        }
    }

    fn run_of(variables: &[(&str, &str)]) -> Run {
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        describe(&lookup, &|arguments| Some(format!("git {}", arguments.join(" "))))
    }

    #[test]
    fn a_run_in_ci_names_itself() {
        let run = run_of(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/portal"),
            ("GITHUB_SHA", "abc"),
            ("GITHUB_REF", "refs/tags/v1.2.3"),
            ("GITHUB_ACTOR", "ann"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_RUN_NUMBER", "42"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_JOB", "scan"),
            ("GITHUB_WORKFLOW_REF", "acme/portal/.github/workflows/build.yml@refs/heads/main"),
            ("RUNNER_NAME", "runner 3"),
        ]);
        assert_eq!(run.gate.as_deref(), Some("github/acme/portal/7/2/scan"));
        assert_eq!(run.origin.repository.as_deref(), Some("github.com/acme/portal"));
        assert_eq!(run.origin.run.as_deref(), Some("https://github.com/acme/portal/actions/runs/7"));
        assert_eq!(run.origin.actor.as_deref(), Some("ann"));
        let expected = Build {
            system: Some("github"),
            number: Some("42".to_owned()),
            tag: Some("v1.2.3".to_owned()),
            builder: Some("acme/portal/.github/workflows/build.yml@refs/heads/main on runner 3".to_owned()),
            started: None,
        };
        assert_eq!(run.build, expected);
    }

    #[test]
    fn each_system_numbers_its_builds_and_names_its_runner() {
        for (variables, system, number, builder, commit) in [
            (
                &[
                    ("GITLAB_CI", "true"),
                    ("CI_PIPELINE_IID", "42"),
                    ("CI_JOB_NAME", "gate"),
                    ("CI_RUNNER_DESCRIPTION", "shared 1"),
                    ("CI_COMMIT_SHA", "c1"),
                    ("CI_PIPELINE_CREATED_AT", "2026-11-27T10:15:00Z"),
                ][..],
                "gitlab",
                "42",
                "gate on shared 1",
                "c1",
            ),
            (
                &[
                    ("JENKINS_URL", "https://ci"),
                    ("BUILD_NUMBER", "42"),
                    ("JOB_NAME", "portal/main"),
                    ("NODE_NAME", "agent-7"),
                    ("GIT_COMMIT", "c1"),
                ],
                "jenkins",
                "42",
                "portal/main on agent-7",
                "c1",
            ),
            (
                &[("CIRCLECI", "true"), ("CIRCLE_BUILD_NUM", "42"), ("CIRCLE_JOB", "gate"), ("CIRCLE_SHA1", "c1")],
                "circleci",
                "42",
                "gate",
                "c1",
            ),
            (
                &[
                    ("TF_BUILD", "True"),
                    ("BUILD_BUILDNUMBER", "20261127.4"),
                    ("BUILD_DEFINITIONNAME", "portal"),
                    ("AGENT_NAME", "Azure 2"),
                    ("BUILD_SOURCEVERSION", "c1"),
                    ("SYSTEM_PIPELINESTARTTIME", "2026-11-27 10:15:00+00:00"),
                ],
                "azure",
                "20261127.4",
                "portal on Azure 2",
                "c1",
            ),
            (
                &[
                    ("BUILDKITE", "true"),
                    ("BUILDKITE_BUILD_NUMBER", "42"),
                    ("BUILDKITE_PIPELINE_SLUG", "portal"),
                    ("BUILDKITE_AGENT_NAME", "agent-1"),
                    ("BUILDKITE_COMMIT", "c1"),
                ],
                "buildkite",
                "42",
                "portal on agent-1",
                "c1",
            ),
            // What Tekton does not say is asked of git.
            (
                &[("TEKTON_TASK_RUN", "gate-x1"), ("TEKTON_PIPELINE_RUN", "build-42"), ("TEKTON_PIPELINE", "build")],
                "tekton",
                "build-42",
                "build",
                "git rev-parse HEAD",
            ),
        ] {
            let run = run_of(variables);
            assert_eq!(run.build.system, Some(system));
            assert_eq!(run.build.number.as_deref(), Some(number), "{system}");
            assert_eq!(run.build.builder.as_deref(), Some(builder), "{system}");
            assert_eq!(run.origin.commit.as_deref(), Some(commit), "{system}");
            assert!(run.gate.is_none_or(|gate| gate.starts_with(system)), "{system}");
            let tells = variables
                .iter()
                .any(|(name, _)| matches!(*name, "CI_PIPELINE_CREATED_AT" | "SYSTEM_PIPELINESTARTTIME"));
            assert_eq!(run.build.started, tells.then(|| "2026-11-27T10:15:00Z".parse().unwrap()), "{system}");
        }
    }

    #[test]
    fn the_service_account_is_what_the_token_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let of = |claims: &str| {
            std::fs::write(&file, format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))).unwrap();
            service_account(&file)
        };
        let account = "system:serviceaccount:ci:builder";
        assert_eq!(of(&format!(r#"{{"sub":"{account}"}}"#)).as_deref(), Some(account));
        assert_eq!(of(r#"{"sub":"somebody"}"#), None);
        assert_eq!(of("no JSON"), None);
        assert_eq!(service_account(&folder.path().join("none")), None);
    }

    #[test]
    fn elsewhere_git_is_asked() {
        let run = describe(&|_| None, &|arguments| Some(arguments.join(" ")));
        assert_eq!(run.gate, None);
        assert_eq!(run.origin.commit.as_deref(), Some("rev-parse HEAD"));
    }
}
