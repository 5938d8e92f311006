//! What decisions were made from: subjects that were read together, and which refer to which.
//!
//! They are kept as one JSON document, without secrets, and read back to the graph that policies judge.
//!
//! ```text
//! {"version": 1,
//!  "subjects": [{"kind", "type", "address", "labels", "skips", "document"}],
//!  "edges": [[0, 3], ...],
//!  "redactions": [{"subject": 3, "pointer": "/env/0/value", "kind": "password"}]}
//! ```

mod tagged;

use probity_evidence_redact::{Redactor, Secrets};
use probity_model::node::{Mapping, Node};
use probity_model::{
    InlineSkip, Labels, NodeIndex, Problem, ResourceGraph, SmolStr, Subject, SubjectKind, Value, json,
};

/// The form that is written.
const VERSION: i64 = 1;
/// Documents may be nested as deep as they can be read, and tags and what is around them go deeper.
const MAX_DEPTH: usize = 4 * json::MAX_DEPTH;

/// A graph as it is kept.
#[derive(Debug)]
pub struct Kept {
    /// The JSON document.
    pub json: String,
    /// The document of each subject as it is kept, in their order.
    pub documents: Vec<Value>,
    /// How many values of each subject were redacted, in the order of the subjects.
    pub redacted: Vec<u32>,
    /// What was redacted, for texts that quote it.
    pub secrets: Secrets,
}

/// Writes a graph without its secrets.
pub fn write(graph: &ResourceGraph, redactor: &Redactor) -> Kept {
    let mut secrets = Secrets::new();
    let (mut documents, mut redactions, mut redacted) = (Vec::new(), Vec::new(), Vec::new());
    for (position, subject) in (0_i64..).zip(graph.subjects()) {
        let clean = redact(redactor, subject);
        secrets.extend(&clean.secrets);
        redacted.push(u32::try_from(clean.redactions.len()).unwrap_or(u32::MAX));
        redactions.extend(clean.redactions.into_iter().map(|redaction| {
            Value::object([
                ("subject", position.into()),
                ("pointer", redaction.pointer.into()),
                ("kind", redaction.kind.into()),
            ])
        }));
        documents.push(clean.value);
    }
    let text = |text: &str| Value::from(redactor.text(text, &secrets).into_owned());
    let subjects = graph.subjects().iter().zip(&documents).map(|(subject, document)| {
        Value::object([
            ("kind", subject.kind.as_str().into()),
            ("type", text(&subject.resource_type)),
            ("address", text(&subject.address)),
            ("labels", write_labels(&subject.labels, &text)),
            ("skips", Value::array(subject.skips.iter().map(|skip| write_skip(skip, &text)))),
            ("document", tagged::write(document)),
        ])
    });
    let edges = graph.iter().flat_map(|(index, _)| {
        let later = graph.neighbours(index).map(|(other, _)| other).filter(move |other| index < *other);
        later.map(move |other| Value::array([i64::from(index.0).into(), i64::from(other.0).into()]))
    });
    let whole = Value::object([
        ("version", VERSION.into()),
        ("subjects", Value::array(subjects)),
        ("edges", Value::array(edges)),
        ("redactions", Value::array(redactions)),
    ]);
    Kept { json: json::write(&whole), documents, redacted, secrets }
}

fn redact(redactor: &Redactor, subject: &Subject) -> probity_evidence_redact::Redacted {
    let (kind, resource_type) = (subject.kind, subject.resource_type.as_str());
    match &subject.sensitive {
        Some(marks) => redactor.document_with_marks(kind, resource_type, &subject.document, marks),
        None => redactor.document(kind, resource_type, &subject.document),
    }
}

fn write_labels(labels: &Labels, text: &impl Fn(&str) -> Value) -> Value {
    let named = [("environment", &labels.environment), ("service", &labels.service), ("owner", &labels.owner)];
    Value::object(named.into_iter().filter_map(|(name, label)| Some((name, text(label.as_ref()?)))))
}

fn write_skip(skip: &InlineSkip, text: &impl Fn(&str) -> Value) -> Value {
    let policies = Value::array(skip.policies.iter().map(|policy| policy.as_str().into()));
    let reason = skip.reason.as_deref().map(text);
    let expires = skip.expires.map(|day| Value::from(day.to_string()));
    let optional = [("reason", reason), ("expires", expires)];
    Value::object(
        std::iter::once(("policies", policies))
            .chain(optional.into_iter().filter_map(|(name, value)| Some((name, value?)))),
    )
}

/// Reads a graph back. Its documents do not know where they stood in their sources.
///
/// # Errors
/// When the text is not what [`write`] writes.
pub fn read(text: &[u8]) -> Result<ResourceGraph, Problem> {
    let whole = json::read_within(text, MAX_DEPTH)?;
    let fields = Node::root(&whole, None).mapping()?;
    let version = fields.required("version")?;
    if version.text()? != VERSION.to_string() {
        return Err(version.problem(format!("this Probity reads version {VERSION} of kept subjects")));
    }
    let subjects = fields.required("subjects")?.list()?.into_iter().map(read_subject).collect::<Result<Vec<_>, _>>()?;
    let count = subjects.len();
    let edges = fields.required("edges")?.list()?;
    let edges = edges.into_iter().map(|edge| read_edge(edge, count)).collect::<Result<Vec<_>, _>>()?;
    Ok(ResourceGraph::new(subjects, edges))
}

fn read_edge(node: Node<'_>, count: usize) -> Result<(NodeIndex, NodeIndex), Problem> {
    let ends = node.list()?;
    let end = |at: usize| -> Result<NodeIndex, Problem> {
        let end = ends.get(at).ok_or_else(|| node.problem("an edge has two ends"))?;
        let index = end.parse::<u32>()?;
        if (index as usize) < count { Ok(NodeIndex(index)) } else { Err(end.problem("an edge ends nowhere")) }
    };
    Ok((end(0)?, end(1)?))
}

fn read_subject(node: Node<'_>) -> Result<Subject, Problem> {
    let fields = node.mapping()?;
    let skips = fields.required("skips")?.list()?;
    Ok(Subject {
        kind: fields.required("kind")?.parse::<SubjectKind>()?,
        resource_type: fields.required("type")?.string()?.into(),
        address: fields.required("address")?.string()?.into(),
        document: tagged::read(fields.get("document").unwrap_or(&Value::Null))
            .ok_or_else(|| fields.problem("a document has a tag that is not known"))?,
        span: None,
        header: None,
        calls: Vec::new(),
        skips: skips.into_iter().map(read_skip).collect::<Result<_, _>>()?,
        labels: read_labels(&fields.required("labels")?.mapping()?)?,
        sensitive: None,
    })
}

fn read_labels(fields: &Mapping<'_>) -> Result<Labels, Problem> {
    let label = |name: &str| fields.optional(name).map(|node| node.string().map(SmolStr::from)).transpose();
    Ok(Labels { environment: label("environment")?, service: label("service")?, owner: label("owner")? })
}

fn read_skip(node: Node<'_>) -> Result<InlineSkip, Problem> {
    let fields = node.mapping()?;
    Ok(InlineSkip {
        policies: fields.required("policies")?.strings()?.into_iter().map(SmolStr::from).collect(),
        reason: fields.optional("reason").map(|node| node.string().map(str::to_owned)).transpose()?,
        expires: fields.optional("expires").map(Node::parse).transpose()?,
        span: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(address: &str, document: Value) -> Subject {
        Subject {
            kind: SubjectKind::Terraform,
            resource_type: "aws_db_instance".into(),
            address: address.into(),
            document,
            span: None,
            header: None,
            calls: Vec::new(),
            skips: vec![InlineSkip {
                policies: vec!["CKV_AWS_1".into()],
                reason: Some("wanted".to_owned()),
                expires: Some("2027-01-31".parse().unwrap()),
                span: None,
            }],
            labels: Labels { environment: Some("production".into()), ..Labels::default() },
            sensitive: None,
        }
    }

    #[test]
    fn a_graph_is_read_back_without_its_secrets() {
        let secret = ["Tr0ub4dor", "3xyzzy"].join("&");
        let database = Value::object([
            ("password", Value::from(secret.as_str())),
            ("engine", "postgres".into()),
            ("subnet", Value::Unknown("aws_subnet.a.id".into())),
        ]);
        let network = Value::object([("cidrs", Value::Set(["10.0.0.0/8".into()].into_iter().collect()))]);
        let graph = ResourceGraph::new(
            vec![subject("a.db", database), subject("a.net", network.clone()), subject("a.c", Value::Null)],
            [(NodeIndex(0), NodeIndex(2)), (NodeIndex(2), NodeIndex(1))],
        );
        let kept = write(&graph, &Redactor::new());
        assert!(!kept.json.contains(&secret), "{}", kept.json);
        assert_eq!(kept.redacted, [1, 0, 0]);
        let read = read(kept.json.as_bytes()).unwrap();
        assert_eq!(read.subject(NodeIndex(1)).document, network);
        assert_eq!(read.subject(NodeIndex(0)).document.get("subnet"), Some(&Value::Unknown("aws_subnet.a.id".into())));
        assert_eq!(read.subject(NodeIndex(0)).skips, graph.subject(NodeIndex(0)).skips);
        assert_eq!(read.subject(NodeIndex(0)).labels, graph.subject(NodeIndex(0)).labels);
        for index in (0..3).map(NodeIndex) {
            let of = |graph: &ResourceGraph| graph.neighbours(index).map(|(other, _)| other).collect::<Vec<_>>();
            assert_eq!(of(&read), of(&graph));
        }
        assert_eq!(write(&read, &Redactor::new()).json.len(), kept.json.replace(&redactions(&kept.json), "[]").len());
    }

    #[test]
    fn a_plan_as_a_whole_is_read_back_without_what_it_calls_sensitive() {
        let resource = |values: &str, of: Value| {
            let [address, resource_type] = ["aws_ssm_parameter.p", "aws_ssm_parameter"].map(Value::from);
            Value::object([("address", address), ("type", resource_type), ("mode", "managed".into()), (values, of)])
        };
        let attributes = || Value::object([("value", "plainly".into()), ("arn", Value::Unknown("the apply".into()))]);
        let change = Value::object([("after", attributes()), ("before", Value::Null)]);
        let expression = |value: &str| Value::object([("constant_value", value.into())]);
        let expressions = Value::object([("value", expression("plainly")), ("name", expression("a name"))]);
        let plan = Value::object([
            ("terraform_version", Value::Unknown("the version of Terraform".into())),
            ("variables", Value::object([("v", Value::object([("value", "of v".into())]))])),
            ("planned_values", Value::array([resource("values", attributes())])),
            ("resource_changes", Value::array([resource("change", change)])),
            ("configuration", Value::array([resource("expressions", expressions)])),
        ]);
        let marks = Value::object([("variables", Value::object([("v", Value::object([("value", true.into())]))]))]);
        let mut subject = subject("plan.json", plan.clone());
        subject.kind = SubjectKind::TerraformPlan;
        subject.resource_type = probity_model::WHOLE_PLAN.into();
        subject.sensitive = Some(marks);
        let kept = write(&ResourceGraph::new(vec![subject], []), &Redactor::new());
        assert!(!kept.json.contains("plainly") && !kept.json.contains("of v"), "{}", kept.json);
        assert_eq!(kept.redacted, [4]);
        let read = read(kept.json.as_bytes()).unwrap();
        let read = read.subject(NodeIndex(0));
        assert_eq!(read.resource_type, probity_model::WHOLE_PLAN);
        assert_eq!(read.document.get("terraform_version"), plan.get("terraform_version"));
        let first = |name: &str| read.document.get(name).unwrap().as_array().unwrap().get(0).unwrap().clone();
        let arn = Some(Value::Unknown("the apply".into()));
        assert_eq!(first("resource_changes").at(&["change", "after", "arn"]).cloned(), arn);
        assert_eq!(first("configuration").at(&["expressions", "name"]), Some(&expression("a name")));
    }

    fn redactions(json: &str) -> String {
        let start = json.find("\"redactions\":").unwrap() + 13;
        json[start..=start + json[start..].find(']').unwrap()].to_owned()
    }

    #[test]
    fn what_was_not_written_here_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"version":2,"subjects":[],"edges":[]}"#,
            r#"{"version":1,"subjects":[{}],"edges":[]}"#,
            r#"{"version":1,"subjects":[],"edges":[[0,1]]}"#,
            r#"{"version":1,"subjects":[],"edges":[[-1]]}"#,
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
