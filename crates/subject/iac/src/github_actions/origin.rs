//! Who decides what an expression's contexts hold.

use probity_model::value::Object;
use probity_model::{SmolStr, Value};

use super::expression::{self, Expression};

/// How often an environment variable is followed to another one.
const MAX_HOPS: usize = 4;

/// Who decides a value; the later, the less it is to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// The platform or the file itself, of a form that no script can be hurt by: numbers, hashes, logins.
    Fixed,
    /// A secret.
    Secret,
    /// A setting of the repository: a variable, the default branch.
    Setting,
    /// Another step or job, or a matrix that is made at run time; what it holds is not known here.
    Computed,
    /// Whoever starts the workflow or calls the action.
    Input,
    /// Whoever may push, tag, label or release.
    Insider,
    /// Whoever can open an issue or a pull request, comment or fork.
    Outsider,
}

impl Origin {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Secret => "secret",
            Self::Setting => "setting",
            Self::Computed => "computed",
            Self::Input => "input",
            Self::Insider => "insider",
            Self::Outsider => "outsider",
        }
    }
}

/// Texts that strangers write, below `github.`: GitHub's "Script injections" lists most, the events' payloads the rest.
const OUTSIDER: &[&str] = &[
    "head_ref",
    "event.issue.title",
    "event.issue.body",
    "event.pull_request.title",
    "event.pull_request.body",
    "event.pull_request.head.ref",
    "event.pull_request.head.label",
    "event.pull_request.head.repo.default_branch",
    "event.pull_request.head.repo.description",
    "event.pull_request.head.repo.homepage",
    "event.comment.body",
    "event.comment.diff_hunk",
    "event.comment.path",
    "event.review.body",
    "event.review_comment.body",
    "event.discussion.title",
    "event.discussion.body",
    "event.pages.*.page_name",
    "event.pages.*.title",
    "event.pages.*.summary",
    "event.commits.*.message",
    "event.commits.*.author.email",
    "event.commits.*.author.name",
    "event.commits.*.committer.email",
    "event.commits.*.committer.name",
    "event.head_commit.message",
    "event.head_commit.author.email",
    "event.head_commit.author.name",
    "event.head_commit.committer.email",
    "event.head_commit.committer.name",
    "event.workflow_run.head_branch",
    "event.workflow_run.display_title",
    "event.workflow_run.head_commit.message",
    "event.workflow_run.head_commit.author.email",
    "event.workflow_run.head_commit.author.name",
    "event.workflow_run.head_commit.committer.email",
    "event.workflow_run.head_commit.committer.name",
    "event.workflow_run.head_repository.description",
    "event.workflow_run.pull_requests.*.head.ref",
    "event.check_suite.head_branch",
    "event.check_run.check_suite.head_branch",
    "event.changes.title.from",
    "event.changes.body.from",
    "event.forkee.description",
    "event.forkee.homepage",
];

/// Texts that take the right to write to the repository.
const INSIDER: &[&str] = &[
    "ref",
    "ref_name",
    "base_ref",
    "workflow_ref",
    "event.ref",
    "event.base_ref",
    "event.branch",
    "event.description",
    "event.pull_request.base.ref",
    "event.pull_request.base.label",
    "event.pull_request.labels.*.name",
    "event.pull_request.labels.*.description",
    "event.pull_request.milestone.title",
    "event.pull_request.milestone.description",
    "event.issue.labels.*.name",
    "event.issue.labels.*.description",
    "event.issue.milestone.title",
    "event.issue.milestone.description",
    "event.discussion.category.name",
    "event.label.name",
    "event.label.description",
    "event.milestone.title",
    "event.milestone.description",
    "event.release.name",
    "event.release.body",
    "event.release.tag_name",
    "event.release.target_commitish",
    "event.deployment.ref",
    "event.deployment.description",
    "event.deployment.environment",
    "event.deployment.payload",
    "event.deployment_status.description",
    "event.merge_group.head_ref",
    "event.merge_group.base_ref",
    "event.registry_package.name",
    "event.package.name",
    "event.workflow_run.pull_requests.*.base.ref",
];

const INPUT: &[&str] = &["event.inputs", "event.client_payload"];

/// Names right below `github.` that say nothing a script could be hurt by.
const FIXED: &[&str] = &[
    "action",
    "action_path",
    "action_ref",
    "action_repository",
    "action_status",
    "actor",
    "actor_id",
    "api_url",
    "env",
    "event_name",
    "event_path",
    "graphql_url",
    "job",
    "path",
    "ref_protected",
    "ref_type",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "repository_visibility",
    "repositoryurl",
    "retention_days",
    "run_attempt",
    "run_id",
    "run_number",
    "secret_source",
    "server_url",
    "sha",
    "triggering_actor",
    "workflow",
    "workflow_sha",
    "workspace",
];

/// Last names of an event's fields that hold numbers, hashes, times, links, logins or words of a list.
const FIXED_FIELDS: &[&str] = &[
    "action",
    "after",
    "author_association",
    "before",
    "closed",
    "conclusion",
    "created",
    "deleted",
    "draft",
    "event",
    "event_name",
    "forced",
    "fork",
    "full_name",
    "id",
    "language",
    "locked",
    "login",
    "merged",
    "mergeable",
    "name",
    "number",
    "path",
    "position",
    "prerelease",
    "private",
    "reason",
    "ref_type",
    "review_id",
    "run_attempt",
    "run_number",
    "sha",
    "size",
    "starred_at",
    "state",
    "state_reason",
    "status",
    "type",
    "url",
    "username",
    "visibility",
    "workflow",
];

/// What the names in an expression stand for: the declarations around it.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope<'v> {
    /// `env` of the step, the job and the workflow, the innermost first.
    pub(super) env: Vec<&'v Object>,
    /// `strategy.matrix` of the job.
    pub(super) matrix: Option<&'v Value>,
    /// Inputs that are declared: of the manual start and of the call of a workflow.
    pub(super) inputs: Vec<&'v Object>,
}

impl Scope<'_> {
    /// Who decides the value of an expression; nobody when nothing flows into it.
    pub(super) fn of_expression(&self, tree: &Expression) -> Option<Origin> {
        self.of_tree(tree, 0)
    }

    /// Who decides what a context holds; `name` as [`expression::name_of`] gives it.
    pub(super) fn of_context(&self, name: &str) -> Origin {
        self.of_name(name, 0)
    }

    fn of_tree(&self, tree: &Expression, hops: usize) -> Option<Origin> {
        let mut worst = None;
        tree.flows(&mut |inner| {
            if let Expression::Context { root, path } = inner {
                worst = worst.max(Some(self.of_name(&expression::name_of(root, path), hops)));
            }
        });
        worst
    }

    fn of_name(&self, name: &str, hops: usize) -> Origin {
        let (root, rest) = name.split_once('.').unwrap_or((name, ""));
        match root {
            "github" => github(rest).unwrap_or_else(|| self.of_input(rest)),
            "inputs" => self.of_input(rest),
            "env" => self.of_variable(rest, hops),
            "matrix" => self.of_matrix(rest, hops),
            "secrets" => Origin::Secret,
            "vars" => Origin::Setting,
            "runner" | "strategy" | "job" => Origin::Fixed,
            "steps" | "needs" | "jobs"
                if matches!(rest.rsplit('.').next(), Some("outcome" | "conclusion" | "result")) =>
            {
                Origin::Fixed
            }
            _ => Origin::Computed,
        }
    }

    /// An input by its path: `inputs.x`, or `event.inputs.x` of `github`.
    fn of_input(&self, path: &str) -> Origin {
        let name = path.rsplit('.').next().unwrap_or(path);
        let declared = self.inputs.iter().filter_map(|inputs| by_name(inputs, name));
        let mut kinds = declared.map(|input| input.get("type").and_then(Value::as_str).unwrap_or("string")).peekable();
        if kinds.peek().is_some() && kinds.all(|kind| matches!(kind, "boolean" | "number" | "choice")) {
            Origin::Fixed
        } else {
            Origin::Input
        }
    }

    fn of_variable(&self, name: &str, hops: usize) -> Origin {
        for (level, env) in self.env.iter().enumerate() {
            let Some(value) = by_name(env, name) else { continue };
            let Value::String(text) = value else { return Origin::Fixed };
            if hops >= MAX_HOPS {
                return Origin::Computed;
            }
            // A variable of the same name is the one of the level outside.
            let outer = Scope { env: self.env[level + 1..].to_vec(), ..self.clone() };
            return outer.of_text(text, hops + 1);
        }
        Origin::Computed
    }

    /// Who decides a text with expressions in it.
    fn of_text(&self, text: &str, hops: usize) -> Origin {
        let fences = expression::fences(text).into_iter();
        let origins = fences.filter_map(|range| {
            let tree = expression::parse(&text[range.start + 3..range.end - 2]).ok()?;
            self.of_tree(&tree, hops)
        });
        origins.max().unwrap_or(Origin::Fixed)
    }

    fn of_matrix(&self, path: &str, hops: usize) -> Origin {
        let name = path.split('.').next().unwrap_or(path);
        let Some(Value::Object(matrix)) = self.matrix else { return Origin::Computed };
        let mut found = Vec::new();
        found.extend(by_name(matrix, name));
        let included = matrix.get("include");
        match included {
            Some(Value::Array(list)) => {
                found.extend(list.iter().filter_map(|entry| by_name(entry.as_object()?, name)));
            }
            Some(Value::String(_)) => return Origin::Computed,
            _ => {}
        }
        if found.is_empty() || hops >= MAX_HOPS {
            return Origin::Computed;
        }
        let mut worst = Origin::Fixed;
        for value in found {
            texts(value, &mut |text| worst = worst.max(self.of_text(text, hops + 1)));
        }
        worst
    }
}

/// The entry under a name, without regard to case.
pub(super) fn by_name<'o>(object: &'o Object, name: &str) -> Option<&'o Value> {
    object.iter().find(|(key, _)| key.as_str().eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// All texts in a value.
fn texts(value: &Value, visit: &mut dyn FnMut(&SmolStr)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(list) => list.iter().for_each(|inner| texts(inner, visit)),
        Value::Object(object) => object.iter().for_each(|(_, inner)| texts(inner, visit)),
        _ => {}
    }
}

/// What a path below `github.` holds; `None` for an input.
fn github(path: &str) -> Option<Origin> {
    let is = |patterns: &[&str]| patterns.iter().any(|pattern| covers(path, pattern));
    if is(OUTSIDER) {
        return Some(Origin::Outsider);
    }
    if path == "token" {
        return Some(Origin::Secret);
    }
    if INPUT.iter().any(|input| path == *input || path.strip_prefix(input).is_some_and(|rest| rest.starts_with('.'))) {
        return None;
    }
    if is(INSIDER) {
        return Some(Origin::Insider);
    }
    let Some(field) = path.strip_prefix("event.") else {
        return Some(if FIXED.contains(&path) { Origin::Fixed } else { Origin::Computed });
    };
    let last = field.rsplit('.').next().unwrap_or(field);
    if field.contains("labels.*.") && matches!(last, "name" | "description") {
        return Some(Origin::Insider);
    }
    if last == "default_branch" {
        return Some(Origin::Setting);
    }
    let is_plain = FIXED_FIELDS.contains(&last)
        || ["_id", "_at", "_sha", "_url", "_count"].iter().any(|ending| last.ends_with(ending));
    Some(if is_plain { Origin::Fixed } else { Origin::Computed })
}

/// Whether a path is one of a pattern, or leads to an object that holds one. `*` on either side is any name.
fn covers(path: &str, pattern: &str) -> bool {
    let mut wanted = pattern.split('.');
    if path.is_empty() {
        return true;
    }
    for name in path.split('.') {
        match wanted.next() {
            Some(part) if part == name || part == "*" || name == "*" => {}
            // What lies below a text is nothing, but what lies below a payload is a part of it.
            None => return pattern.ends_with("payload"),
            Some(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_model::SourceId;
    use probity_model::yaml::{self, Dialect};

    fn value(text: &str) -> Value {
        yaml::read(text, SourceId(0), Dialect::Core).unwrap().remove(0).value
    }

    #[test]
    fn contexts_have_their_origins() {
        let step = value("TITLE: '${{ github.event.issue.title }}'\nPLAIN: x\nSAME: ${{ env.SAME }}\n");
        let job = value("SAME: ${{ github.head_ref }}\nNUMBER: 1\n");
        let matrix = value(
            "os: [a, b]\nmade: ${{ fromJSON(needs.x.outputs.y) }}\ninclude:\n  - {os: c, extra: '${{ inputs.x }}'}\n",
        );
        let inputs = value("on: {type: boolean}\nname: {type: string}\nplain: {}\n");
        let scope = Scope {
            env: vec![step.as_object().unwrap(), job.as_object().unwrap()],
            matrix: Some(&matrix),
            inputs: vec![inputs.as_object().unwrap()],
        };
        for (name, expected) in [
            ("github.head_ref", Origin::Outsider),
            ("github.event.issue.title", Origin::Outsider),
            ("github.event.commits.*.message", Origin::Outsider),
            ("github.event.*.title", Origin::Outsider),
            ("github.event", Origin::Outsider),
            ("github", Origin::Outsider),
            ("github.event.pull_request.head", Origin::Outsider),
            ("github.event.pull_request.head.sha", Origin::Fixed),
            ("github.event.pull_request.number", Origin::Fixed),
            ("github.event.pull_request.user.login", Origin::Fixed),
            ("github.event.pull_request.html_url", Origin::Fixed),
            ("github.event.pull_request.head.repo.full_name", Origin::Fixed),
            ("github.event.repository.default_branch", Origin::Setting),
            ("github.event.something.else", Origin::Computed),
            ("github.ref_name", Origin::Insider),
            ("github.event.release.tag_name", Origin::Insider),
            ("github.event.label.name", Origin::Insider),
            ("github.event.changes.new_discussion.labels.*.name", Origin::Insider),
            ("github.event.deployment.payload.x", Origin::Insider),
            ("github.sha", Origin::Fixed),
            ("github.token", Origin::Secret),
            ("github.new_thing", Origin::Computed),
            ("github.event.inputs.name", Origin::Input),
            ("github.event.inputs.on", Origin::Fixed),
            ("github.event.client_payload.x", Origin::Input),
            ("inputs.name", Origin::Input),
            ("inputs.plain", Origin::Input),
            ("inputs.on", Origin::Fixed),
            ("inputs.other", Origin::Input),
            ("env.title", Origin::Outsider),
            ("env.PLAIN", Origin::Fixed),
            ("env.same", Origin::Outsider),
            ("env.number", Origin::Fixed),
            ("env.set_later", Origin::Computed),
            ("matrix.os", Origin::Fixed),
            ("matrix.made", Origin::Computed),
            ("matrix.extra", Origin::Input),
            ("matrix.none", Origin::Computed),
            ("secrets.x", Origin::Secret),
            ("vars.x", Origin::Setting),
            ("runner.os", Origin::Fixed),
            ("steps.a.outputs.b", Origin::Computed),
            ("steps.a.outcome", Origin::Fixed),
            ("needs.a.result", Origin::Fixed),
        ] {
            assert_eq!(scope.of_context(name), expected, "{name}");
        }
    }

    #[test]
    fn the_worst_that_flows_counts() {
        let scope = Scope::default();
        for (text, expected) in [
            ("github.head_ref || github.sha", Some(Origin::Outsider)),
            ("github.head_ref == 'x'", None),
            ("format('{0}{1}', github.sha, inputs.x)", Some(Origin::Input)),
        ] {
            assert_eq!(scope.of_expression(&expression::parse(text).unwrap()), expected, "{text}");
        }
    }
}
