//! New policies, to begin from: a rule that holds for some resources and not for others, and an example of each.
//!
//! The rule asks for an owner, which makes sense for every kind of resource; of an image it asks that it does not run as root, and of
//! a workflow of GitHub and its parts for what each of them should say.

use std::path::PathBuf;

use probity_kubernetes::kind::{GroupVersionKind, NATIVE, plural};
use probity_model::{ControlId, Severity};

use super::examples::FOLDER;

/// A language that policies are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// YAML: conditions on attributes and connections.
    Graph,
    /// Rego, as OPA and Conftest have it.
    Rego,
    /// A `ClusterPolicy` of Kyverno.
    #[value(help = "A ClusterPolicy of Kyverno")]
    Kyverno,
    /// CEL: a `ValidatingAdmissionPolicy` of Kubernetes.
    #[value(help = "CEL, in a ValidatingAdmissionPolicy of Kubernetes")]
    Cel,
    /// Sentinel, on plans of Terraform.
    Sentinel,
}

/// What a policy judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum For {
    /// A resource type of Terraform.
    Terraform(String),
    /// A resource type of CloudFormation.
    CloudFormation(String),
    /// A kind of Kubernetes.
    Kubernetes(GroupVersionKind),
    Dockerfile,
    GitHub(Part),
}

/// A workflow of GitHub Actions, or what lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Workflow,
    Job,
    Step,
}

impl Part {
    /// The part of this type.
    fn read(name: &str) -> Option<Self> {
        [Self::Workflow, Self::Job, Self::Step].into_iter().find(|part| part.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Workflow => "github.workflow",
            Self::Job => "github.job",
            Self::Step => "github.step",
        }
    }

    /// The attribute that is asked for.
    fn attribute(self) -> &'static str {
        match self {
            Self::Workflow => "permissions",
            Self::Job => "timeout-minutes",
            Self::Step => "name",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Workflow => "The workflow says what its token may do",
            Self::Job => "The job has a time limit",
            Self::Step => "The step has a name",
        }
    }

    fn category(self) -> &'static str {
        match self {
            Self::Workflow => "supply-chain",
            Self::Job | Self::Step => "general",
        }
    }

    /// A workflow, with the attribute or without.
    fn example(self, passes: bool) -> String {
        let line = |part: Self, text: &'static str| if part == self && passes { text } else { "" };
        format!(
            "on: push\n{}jobs:\n  build:\n    runs-on: ubuntu-24.04\n{}    steps:\n      - run: make\n{}",
            line(Self::Workflow, "permissions:\n  contents: read\n"),
            line(Self::Job, "    timeout-minutes: 10\n"),
            line(Self::Step, "        name: Build\n"),
        )
    }
}

impl For {
    /// Reads a type: `aws_s3_bucket`, `AWS::S3::Bucket`, `Deployment`, `example.com/v1/Widget`, `dockerfile`, `github.job`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let is_word =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if text.eq_ignore_ascii_case("dockerfile") {
            return Ok(Self::Dockerfile);
        }
        if let Some(part) = Part::read(text) {
            return Ok(Self::GitHub(part));
        }
        if text.contains("::") {
            let parts: Vec<&str> = text.split("::").collect();
            if parts.len() == 3 && parts.iter().all(|part| is_word(part)) {
                return Ok(Self::CloudFormation(text.to_owned()));
            }
        } else if let Some((api_version, kind)) = text.rsplit_once('/') {
            let is_api = api_version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-/".contains(&byte));
            if is_word(kind) && is_api {
                return Ok(Self::Kubernetes(GroupVersionKind::new(api_version, kind)));
            }
        } else if text.starts_with(|first: char| first.is_ascii_uppercase()) {
            let known = NATIVE.iter().find(|resource| resource.kind == text);
            let known = known.ok_or_else(|| {
                format!("Kubernetes has no kind `{text}` by itself; write one of your own as example.com/v1/{text}")
            })?;
            let (group, version) = (known.group.to_owned(), known.versions[0].to_owned());
            return Ok(Self::Kubernetes(GroupVersionKind { group, version, kind: text.to_owned() }));
        } else if is_word(text) && text.contains('_') && text.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Ok(Self::Terraform(text.to_owned()));
        }
        Err(format!(
            "`{text}` is no type: name one such as aws_s3_bucket, AWS::S3::Bucket, Deployment, example.com/v1/Widget, \
             dockerfile, github.workflow, github.job or github.step"
        ))
    }

    /// The type as policies name it.
    fn name(&self) -> &str {
        match self {
            Self::Terraform(name) | Self::CloudFormation(name) => name,
            Self::Kubernetes(kind) => &kind.kind,
            Self::Dockerfile => "dockerfile",
            Self::GitHub(part) => part.name(),
        }
    }

    /// The attribute of Terraform that owners are written in.
    fn tags(&self) -> &'static str {
        match self {
            Self::Terraform(name) if name.starts_with("google_") => "labels",
            _ => "tags",
        }
    }

    /// What is asked of it, as a title.
    fn title(&self) -> String {
        match self {
            Self::Dockerfile => "The image does not run as root".to_owned(),
            Self::GitHub(part) => part.title().to_owned(),
            other => format!("{} names its owner", other.name()),
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::Terraform(_) => format!("Set `owner` among the {}.", self.tags()),
            Self::CloudFormation(_) => "Add a tag with the key `owner`.".to_owned(),
            Self::Kubernetes(_) => "Set the label `owner`.".to_owned(),
            Self::Dockerfile => "Add a USER other than root to the last stage.".to_owned(),
            Self::GitHub(part) => format!("Set `{}`.", part.attribute()),
        }
    }

    fn category(&self) -> &'static str {
        match self {
            Self::Dockerfile => "workload",
            Self::GitHub(part) => part.category(),
            _ => "general",
        }
    }

    /// An example, and the path of its file.
    fn example(&self, passes: bool) -> (&'static str, String) {
        match self {
            Self::Terraform(name) => {
                let tags = format!("\n  {} = {{\n    owner = \"platform\"\n  }}\n", self.tags());
                (".tf", format!("resource \"{name}\" \"example\" {{{}}}\n", if passes { &tags } else { "" }))
            }
            Self::CloudFormation(name) => {
                let tags = "    Properties:\n      Tags:\n        - {Key: owner, Value: platform}\n";
                let text = format!("Resources:\n  Example:\n    Type: {name}\n");
                (".yaml", if passes { text + tags } else { text })
            }
            Self::Kubernetes(kind) => {
                let labels = if passes { "  labels:\n    owner: platform\n" } else { "" };
                let api = kind.api_version();
                let kind = &kind.kind;
                (".yaml", format!("apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: example\n{labels}"))
            }
            Self::Dockerfile => {
                let user = if passes { "USER 65534\n" } else { "" };
                ("/Dockerfile", format!("FROM docker.io/library/debian:12\n{user}"))
            }
            Self::GitHub(part) => ("/.github/workflows/example.yml", part.example(passes)),
        }
    }
}

/// What is to be written.
pub(crate) struct Template {
    /// The name of the file, without its ending.
    pub(crate) name: String,
    pub(crate) language: Language,
    pub(crate) subject: For,
    pub(crate) severity: Severity,
    pub(crate) controls: Vec<ControlId>,
}

impl Template {
    /// Paths and texts: the policy first, then its examples.
    ///
    /// # Errors
    /// When the language has nothing to say of the subject.
    pub(crate) fn files(&self) -> Result<Vec<(PathBuf, String)>, String> {
        let (ending, text) = match (self.language, &self.subject) {
            // Its examples stand in it.
            (Language::Graph, _) => return Ok(vec![(format!("{}.yaml", self.name).into(), self.graph())]),
            (Language::Rego, _) => ("rego", self.rego()),
            (Language::Kyverno, For::Kubernetes(kind)) => ("yaml", self.kyverno(kind)),
            (Language::Cel, For::Kubernetes(kind)) => ("yaml", self.cel(kind)),
            (Language::Sentinel, For::Terraform(name)) => ("sentinel", self.sentinel(name)),
            (Language::Sentinel, other) => {
                return Err(format!(
                    "Sentinel judges plans of Terraform, and {} is in none; write the policy with --language graph or rego",
                    other.name()
                ));
            }
            (Language::Kyverno | Language::Cel, other) => {
                return Err(format!(
                    "this language judges objects of Kubernetes, and {} is none; write the policy with --language graph or rego",
                    other.name()
                ));
            }
        };
        let mut files = vec![(format!("{}.{ending}", self.name).into(), text)];
        for (word, passes) in [("pass", true), ("fail", false)] {
            let (rest, text) = self.subject.example(passes);
            files.push((PathBuf::from(FOLDER).join(&self.name).join(format!("{word}{rest}")), text));
        }
        Ok(files)
    }

    /// The id: the name in capitals.
    fn id(&self) -> String {
        self.name.to_uppercase()
    }

    /// The links to controls, as entries of a list in YAML.
    fn links(&self, indent: &str) -> String {
        let link = |control: &ControlId| {
            format!(
                "{indent}- control: {control}\n{indent}  serves: supports\n{indent}  why: Say how the policy serves the control.\n"
            )
        };
        self.controls.iter().map(link).collect()
    }

    fn annotations(&self, severity: &str) -> String {
        let named: Vec<String> = self.controls.iter().map(ToString::to_string).collect();
        let controls =
            if named.is_empty() { String::new() } else { format!("    probity.dev/controls: {}\n", named.join(",")) };
        format!("    {severity}: {}\n{controls}", self.severity)
    }

    fn graph(&self) -> String {
        let rule = match &self.subject {
            For::Terraform(_) => format!("{{attribute: {}.owner, operator: is_set}}", self.subject.tags()),
            For::CloudFormation(_) => {
                "{some: Tags, where: {attribute: Key, operator: equals, value: owner}}".to_owned()
            }
            For::Kubernetes(_) => "{attribute: metadata.labels.owner, operator: is_set}".to_owned(),
            For::Dockerfile => {
                "{attribute: final.user, operator: not_within, value: [root, \"0\"], absent: fail}".to_owned()
            }
            For::GitHub(part) => format!("{{attribute: {}, operator: is_set}}", part.attribute()),
        };
        let controls =
            if self.controls.is_empty() { String::new() } else { format!("    controls:\n{}", self.links("      ")) };
        let example = |passes: bool| {
            let (_, text) = self.subject.example(passes);
            text.lines().map(|line| format!("              {line}\n")).collect::<String>()
        };
        format!(
            "policies:\n  - id: {id}\n    title: {title}\n    severity: {severity}\n    category: {category}\n    why: >\n      \
             Say what goes wrong without it.\n    fix: >\n      {fix}\n{controls}    bindings:\n      - types: [\"{name}\"]\n        \
             rule: {rule}\n        examples:\n          pass:\n            - |\n{pass}          fail:\n            - |\n{fail}",
            id = self.id(),
            title = self.subject.title(),
            severity = self.severity,
            category = self.subject.category(),
            fix = self.subject.fix(),
            name = self.subject.name(),
            pass = example(true),
            fail = example(false),
        )
    }

    fn rego(&self) -> String {
        let (types, body) = match &self.subject {
            For::Kubernetes(kind) => (
                String::new(),
                format!(
                    "\tinput.kind == \"{}\"\n\tnot input.metadata.labels.owner\n\tmsg := sprintf(\"%s has no label owner\", \
                     [input.metadata.name])\n",
                    kind.kind
                ),
            ),
            other => (format!("#   types: [\"{}\"]\n", other.name()), self.rego_of_resource()),
        };
        format!(
            "{metadata}{types}package {package}\n\ndeny contains msg if {{\n{body}}}\n",
            metadata = self.metadata(),
            package = self.name.replace('-', "_"),
        )
    }

    /// The `# METADATA` block of the languages that have it in comments.
    fn metadata(&self) -> String {
        let controls =
            if self.controls.is_empty() { String::new() } else { format!("#   controls:\n{}", self.links("#   ")) };
        format!(
            "# METADATA\n# title: {title}\n# description: Say what goes wrong without it.\n# custom:\n#   id: {id}\n#   severity: \
             {severity}\n#   category: {category}\n#   fix: {fix}\n{controls}",
            title = self.subject.title(),
            id = self.id(),
            severity = self.severity,
            category = self.subject.category(),
            // A scalar of YAML must not begin with a backtick, nor hold a colon.
            fix = self.subject.fix().replace('`', ""),
        )
    }

    fn sentinel(&self, resource_type: &str) -> String {
        format!(
            "{metadata}\nimport \"tfplan/v2\" as tfplan\n\nresources = filter tfplan.resource_changes as _, rc {{\n\trc.type is \
             \"{resource_type}\" and rc.change.actions is not [\"delete\"]\n}}\n\nmain = rule {{\n\tall resources as _, resource \
             {{\n\t\tresource.change.after.{tags}.owner is defined\n\t}}\n}}\n",
            metadata = self.metadata(),
            tags = self.subject.tags(),
        )
    }

    fn rego_of_resource(&self) -> String {
        match &self.subject {
            For::CloudFormation(_) => {
                "\tnot has_owner\n\tmsg := \"there is no tag owner\"\n}\n\nhas_owner if {\n\tsome tag in \
                                       input.Tags\n\ttag.Key == \"owner\"\n"
                    .to_owned()
            }
            For::Dockerfile => {
                "\tobject.get(input.final, \"user\", \"root\") in {\"root\", \"0\"}\n\tmsg := \"the image runs as \
                                root\"\n"
                    .to_owned()
            }
            For::GitHub(part) => {
                let attribute = part.attribute();
                format!("\tnot \"{attribute}\" in object.keys(input)\n\tmsg := \"there is no {attribute}\"\n")
            }
            other => format!(
                "\tnot input.{tags}.owner\n\tmsg := \"there is no owner among the {tags}\"\n",
                tags = other.tags()
            ),
        }
    }

    fn kyverno(&self, kind: &GroupVersionKind) -> String {
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata:\n  name: {name}\n  annotations:\n    \
             policies.kyverno.io/title: {title}\n    policies.kyverno.io/description: Say what goes wrong without \
             it.\n{annotations}spec:\n  validationFailureAction: Enforce\n  rules:\n    - name: owner\n      match:\n        \
             any:\n          - resources:\n              kinds: [{kind}]\n      validate:\n        message: The label owner is \
             missing.\n        pattern:\n          metadata:\n            labels:\n              owner: \"?*\"\n",
            name = self.name,
            title = self.subject.title(),
            annotations = self.annotations("policies.kyverno.io/severity"),
            kind = match kind.group.as_str() {
                "" => kind.kind.clone(),
                group => format!("{group}/{}/{}", kind.version, kind.kind),
            },
        )
    }

    fn cel(&self, kind: &GroupVersionKind) -> String {
        format!(
            "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata:\n  name: {name}\n  \
             annotations:\n{annotations}spec:\n  matchConstraints:\n    resourceRules:\n      - apiGroups: [\"{group}\"]\n        \
             apiVersions: [\"{version}\"]\n        operations: [CREATE, UPDATE]\n        resources: [{plural}]\n  validations:\n    \
             - expression: has(object.metadata.labels) && 'owner' in object.metadata.labels\n      message: The label owner is \
             missing.\n---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata:\n  name: \
             {name}\nspec:\n  policyName: {name}\n  validationActions: [Deny]\n",
            name = self.name,
            annotations = self.annotations("probity.dev/severity"),
            group = kind.group,
            version = kind.version,
            plural = plural(kind),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::For;

    #[test]
    fn types() {
        for (text, expected) in [
            ("aws_s3_bucket", Some("aws_s3_bucket")),
            ("AWS::S3::Bucket", Some("AWS::S3::Bucket")),
            ("Deployment", Some("Deployment")),
            ("example.com/v1/Widget", Some("Widget")),
            ("Dockerfile", Some("dockerfile")),
            ("github.job", Some("github.job")),
            ("github.action", None),
            ("Widget", None),
            ("bucket", None),
            ("AWS::S3", None),
            ("aws_s3\nid: x", None),
            ("", None),
        ] {
            assert_eq!(For::read(text).ok().as_ref().map(For::name), expected, "{text}");
        }
    }
}
