//! What the platform sends.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The version of the payload that is known here.
const VERSION: u64 = 1;

/// The token that the platform sends when it only tries whether somebody answers.
const TEST_TOKEN: &str = "test-token";

/// Longest identifier or name, in bytes.
const LONGEST: usize = 512;

/// A request of the platform.
#[derive(Debug)]
pub enum Request {
    /// It tries whether somebody answers, as it does when a run task is set up.
    Test,
    /// A run is to be judged.
    Task(Box<Task>),
}

/// Why a request is not understood.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// It is no JSON of the form.
    #[error("the payload is not one of a run task: {0}")]
    Form(#[from] serde_json::Error),
    /// Another version.
    #[error("the payload has version {0}; known is {VERSION}")]
    Version(u64),
    /// A field that is needed is empty or too long.
    #[error("the payload's `{0}` is empty or longer than {LONGEST} bytes")]
    Field(&'static str),
}

/// The stage of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Stage {
    /// Before Terraform makes a plan: there is only the configuration.
    PrePlan,
    /// After the plan, before somebody confirms it.
    PostPlan,
    /// After it was confirmed, before it is applied.
    PreApply,
    /// After it was applied.
    PostApply,
    /// One that is not known here.
    Other(String),
}

impl Stage {
    /// The platform's word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::PrePlan => "pre_plan",
            Self::PostPlan => "post_plan",
            Self::PreApply => "pre_apply",
            Self::PostApply => "post_apply",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for Stage {
    fn from(word: String) -> Self {
        match word.as_str() {
            "pre_plan" => Self::PrePlan,
            "post_plan" => Self::PostPlan,
            "pre_apply" => Self::PreApply,
            "post_apply" => Self::PostApply,
            _ => Self::Other(word),
        }
    }
}

impl From<Stage> for String {
    fn from(stage: Stage) -> Self {
        stage.as_str().to_owned()
    }
}

/// What opens the platform for the one task. It is never shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// The value of the `Authorization` header.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// A text in which the token does not stand.
    pub(crate) fn without(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "********") }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What the platform can do with an answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// It shows outcomes one by one.
    pub outcomes: bool,
}

/// A run that is to be judged, in the platform's words. What it does not say is empty.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// The version of the payload.
    pub payload_version: u64,
    /// The stage that the run is at.
    pub stage: Stage,
    /// What the plan is fetched and the result is sent with.
    pub access_token: Token,
    /// Which result is awaited.
    pub task_result_id: String,
    /// Where the result is sent.
    pub task_result_callback_url: String,
    /// Whether the run stops when the task fails: `mandatory` or `advisory`. The platform sees to that.
    pub task_result_enforcement_level: Option<String>,
    /// What the platform can do with the answer.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// The organization.
    pub organization_name: String,
    /// The project.
    pub project_name: Option<String>,
    /// The workspace.
    pub workspace_name: String,
    /// Its identifier.
    pub workspace_id: Option<String>,
    /// The folder of the configuration that Terraform runs in.
    pub workspace_working_directory: Option<String>,
    /// The run.
    pub run_id: String,
    /// Where people look at it.
    pub run_app_url: Option<String>,
    /// What was written to it.
    pub run_message: Option<String>,
    /// Who started it.
    pub run_created_by: Option<String>,
    /// When.
    pub run_created_at: Option<String>,
    /// Whether its plan is never applied.
    #[serde(default)]
    pub is_speculative: bool,
    /// Where the plan is, in JSON. Not before there is one.
    pub plan_json_api_url: Option<String>,
    /// Where the configuration is.
    pub configuration_version_download_url: Option<String>,
    /// The repository.
    pub vcs_repo_url: Option<String>,
    /// The branch.
    pub vcs_branch: Option<String>,
    /// The commit's page.
    pub vcs_commit_url: Option<String>,
    /// The commit.
    pub vcs_commit_hash: Option<String>,
    /// The page of the pull request.
    pub vcs_pull_request_url: Option<String>,
}

/// What tells a test from a task, before anything else is asked of a payload.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    stage: String,
    #[serde(default)]
    access_token: String,
}

impl Request {
    /// Reads a payload.
    ///
    /// # Errors
    /// When it has another form or version.
    pub fn read(body: &[u8]) -> Result<Self, PayloadError> {
        let kind: Kind = serde_json::from_slice(body)?;
        if kind.stage == "test" || kind.access_token == TEST_TOKEN {
            return Ok(Self::Test);
        }
        let task: Task = serde_json::from_slice(body)?;
        task.check()?;
        Ok(Self::Task(Box::new(task)))
    }
}

impl Task {
    fn check(&self) -> Result<(), PayloadError> {
        if self.payload_version != VERSION {
            return Err(PayloadError::Version(self.payload_version));
        }
        for (name, value) in [
            ("task_result_id", &self.task_result_id),
            ("organization_name", &self.organization_name),
            ("workspace_name", &self.workspace_name),
            ("run_id", &self.run_id),
        ] {
            if value.is_empty() || value.len() > LONGEST {
                return Err(PayloadError::Field(name));
            }
        }
        Ok(())
    }

    /// What it is called in the log and in the names of gates: organization, workspace, run and stage.
    pub fn name(&self) -> String {
        let parts = [&self.organization_name, &self.workspace_name, &self.run_id, self.stage.as_str()];
        parts.map(plain).join("/")
    }

    /// What the awaited result is called, without anything that means something elsewhere.
    pub fn result_name(&self) -> String {
        plain(&self.task_result_id)
    }

    /// The folder that its subjects are shown in: organization and workspace.
    pub fn folder(&self) -> String {
        [&self.organization_name, &self.workspace_name].map(plain).join("/")
    }

    /// What the platform says of the run, in the words of Sentinel's import `tfrun`; what it does not say is left out.
    pub(crate) fn tfrun(&self) -> Value {
        let mut run = json!({
            "id": self.run_id, "speculative": self.is_speculative, "created_by": self.run_created_by,
            "created_at": self.run_created_at, "message": self.run_message, "commit_sha": self.commit(),
            "organization": {"name": self.organization_name},
            "workspace": {
                "id": self.workspace_id, "name": self.workspace_name, "working_directory": self.workspace_working_directory,
            },
            "project": {"name": self.project_name},
        });
        if let Some(run) = run.as_object_mut() {
            for value in run.values_mut().filter_map(Value::as_object_mut) {
                value.retain(|_, value| !value.is_null());
            }
            run.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|inner| !inner.is_empty()));
        }
        run
    }

    /// The commit, as far as the platform says it.
    pub fn commit(&self) -> Option<String> {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let of_page = || {
            let url = set(&self.vcs_commit_url)?;
            let last = url.trim_end_matches('/').rsplit('/').next()?.to_owned();
            (last.len() >= 7 && last.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(last)
        };
        set(&self.vcs_commit_hash).or_else(of_page)
    }
}

/// A name without anything that means something in a path or on a screen.
fn plain(name: impl AsRef<str>) -> String {
    let name: String = name
        .as_ref()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .take(100)
        .collect();
    if name.chars().all(|c| c == '.') { "-".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payload() -> Value {
        json!({
            "payload_version": 1, "stage": "post_plan", "access_token": "tok-secret", "capabilities": {"outcomes": true},
            "organization_name": "acme", "workspace_name": "portal", "run_id": "run-1", "task_result_id": "taskrs-1",
            "task_result_callback_url": "https://app.terraform.io/api/v2/task-results/1/callback",
            "task_result_enforcement_level": "mandatory", "vcs_branch": null, "is_speculative": false,
            "plan_json_api_url": "https://app.terraform.io/api/v2/plans/plan-1/json-output", "new_in_2030": [1],
            "vcs_commit_url": "https://github.com/acme/portal/commit/7d8fb2a2d601edebdb7a59ad2088a96673637d22"
        })
    }

    fn with(change: impl FnOnce(&mut Value)) -> Result<Request, PayloadError> {
        let mut payload = payload();
        change(&mut payload);
        Request::read(payload.to_string().as_bytes())
    }

    #[test]
    fn a_task_is_read_and_its_token_not_shown() {
        let Ok(Request::Task(task)) = with(|_| {}) else { panic!("it is a task") };
        assert_eq!(task.name(), "acme/portal/run-1/post_plan");
        assert_eq!(task.stage, Stage::PostPlan);
        assert!(task.capabilities.outcomes);
        assert_eq!(task.commit().as_deref(), Some("7d8fb2a2d601edebdb7a59ad2088a96673637d22"));
        assert!(!format!("{task:?}").contains("tok-secret"));
        let run = json!({
            "id": "run-1", "speculative": false, "commit_sha": task.commit(), "organization": {"name": "acme"},
            "workspace": {"name": "portal"},
        });
        assert_eq!(task.tfrun(), run);
        let kept = serde_json::to_vec(&task).unwrap();
        let again: Task = serde_json::from_slice(&kept).unwrap();
        assert_eq!(again.access_token.bearer(), "Bearer tok-secret");
    }

    #[test]
    fn names_do_not_lead_out_of_a_folder() {
        let Ok(Request::Task(task)) = with(|payload| {
            payload["organization_name"] = json!("..");
            payload["workspace_name"] = json!("../../etc\u{1b}[1m");
        }) else {
            panic!("it is a task")
        };
        assert_eq!(task.folder(), "-/..-..-etc--1m");
    }

    #[test]
    fn tests_are_told_from_tasks() {
        for change in [("stage", "test"), ("access_token", "test-token")] {
            assert!(matches!(with(|payload| payload[change.0] = json!(change.1)), Ok(Request::Test)), "{change:?}");
        }
        assert!(matches!(Request::read(br#"{"stage":"test","access_token":"test-token"}"#), Ok(Request::Test)));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(matches!(with(|payload| payload["payload_version"] = json!(2)), Err(PayloadError::Version(2))));
        assert!(matches!(with(|payload| payload["run_id"] = json!("")), Err(PayloadError::Field("run_id"))));
        assert!(matches!(
            with(|payload| payload["task_result_id"] = json!("x".repeat(600))),
            Err(PayloadError::Field("task_result_id"))
        ));
        for body in ["", "[]", "{}", "null", "{\"stage\":1}"] {
            assert!(matches!(Request::read(body.as_bytes()), Err(PayloadError::Form(_))), "{body}");
        }
        let Ok(Request::Task(task)) = with(|payload| payload["stage"] = json!("mid_plan")) else { panic!("a task") };
        assert_eq!(task.stage, Stage::Other("mid_plan".to_owned()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Request::read(&body);
        }

        #[test]
        fn any_name_is_one_plain_part_of_a_path(name in "\\PC{0,40}") {
            let plain = plain(&name);
            prop_assert!(!plain.contains(['/', '\\']) && plain != ".." && plain != ".");
        }
    }
}
