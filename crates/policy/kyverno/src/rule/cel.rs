//! `validate.cel`: expressions of CEL that must hold, as in a `ValidatingAdmissionPolicy`.

use probity_kubernetes::selector::Selector;
use probity_model::SmolStr;
use probity_model::node::{Mapping, Node};
use probity_policy_admission::{Compiler, Conditions, FailurePolicy, Names, Rules, Validation, environment};
use probity_policy_cel::Type;

use crate::read::{Path, ReadError, Within};

/// What all expressions of one rule may cost together, in the units of cel-go.
const BUDGET: u64 = 10_000_000;

/// Expressions that must hold.
#[derive(Debug, Clone)]
pub struct Cel {
    pub(crate) rules: Rules,
    pub(crate) params: Option<Params>,
}

/// Which objects are the parameters of expressions.
#[derive(Debug, Clone)]
pub(crate) struct Params {
    pub(crate) api_version: SmolStr,
    pub(crate) kind: SmolStr,
    pub(crate) name: Option<SmolStr>,
    pub(crate) namespace: SmolStr,
    pub(crate) selector: Option<Selector>,
    /// Whether it is a failure when there are none.
    pub(crate) denies_without: bool,
}

impl Cel {
    /// Reads the expressions. `rule` has the preconditions, `message` is what is said where an expression says nothing.
    pub(super) fn read(node: Node<'_>, rule: &Mapping<'_>, message: &str) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&["generate", "expressions", "paramKind", "paramRef", "auditAnnotations", "variables"])?;
        let params = Params::read(&fields)?;
        let names = Names { params: params.is_some(), authorizer: true, patches: false };
        let mut compiler = Compiler::new(environment(names));
        let variables = compiler.variables(&fields).within("variables")?;
        let mut messages = Compiler::new(environment(Names { authorizer: false, ..names }));
        messages.see(&compiler);
        let conditions = Conditions::read(rule, "celPreconditions", &compiler)?;
        let mut validations = Vec::new();
        let nodes = fields.optional("expressions").map(Node::list).transpose().within("expressions")?;
        for (index, node) in nodes.unwrap_or_default().into_iter().enumerate() {
            let validation = node.mapping().and_then(|fields| Validation::read(&fields, &compiler, &messages));
            let mut validation = validation.within(Path::Index(index)).within("expressions")?;
            if validation.message.is_none() && !message.is_empty() {
                validation.message = Some(message.trim().to_owned());
            }
            validations.push(validation);
        }
        for (index, node) in list(&fields, "auditAnnotations")?.into_iter().enumerate() {
            annotation(node, &compiler).within(Path::Index(index)).within("auditAnnotations")?;
        }
        if validations.is_empty() {
            return Err(node.problem("there are no `expressions`").into());
        }
        Ok(Self { rules: Rules::new(FailurePolicy::Fail, conditions, variables, validations, BUDGET), params })
    }
}

fn list<'n>(fields: &Mapping<'n>, name: &str) -> Result<Vec<Node<'n>>, ReadError> {
    Ok(fields.optional(name).map(Node::list).transpose().within(name)?.unwrap_or_default())
}

/// Checks what would be written to the audit log; a scan has none.
fn annotation(node: Node<'_>, compiler: &Compiler) -> Result<(), ReadError> {
    let fields = node.mapping()?;
    fields.only(&["key", "valueExpression"])?;
    fields.required("key")?.string()?;
    compiler.expression(fields.required("valueExpression")?, &[Type::String, Type::Null])?;
    Ok(())
}

impl Params {
    fn read(fields: &Mapping<'_>) -> Result<Option<Self>, ReadError> {
        let Some(kind) = fields.optional("paramKind") else { return Ok(None) };
        let kind = kind.mapping().within("paramKind")?;
        kind.only(&["apiVersion", "kind"]).within("paramKind")?;
        let reference = fields.required("paramRef")?;
        let names = reference.mapping().within("paramRef")?;
        names.only(&["name", "namespace", "selector", "parameterNotFoundAction"]).within("paramRef")?;
        let text = |name: &str| -> Result<Option<SmolStr>, ReadError> {
            Ok(names.optional(name).map(Node::string).transpose().within("paramRef")?.map(SmolStr::from))
        };
        Ok(Some(Self {
            api_version: kind.required("apiVersion")?.string()?.into(),
            kind: kind.required("kind")?.string()?.into(),
            name: text("name")?.filter(|name| !name.is_empty()),
            namespace: text("namespace")?.unwrap_or_default(),
            selector: names.optional("selector").map(Selector::read).transpose().within("paramRef")?,
            denies_without: text("parameterNotFoundAction")?.is_none_or(|action| action != "Allow"),
        }))
    }
}

/// Reads CEL expressions on requests that must hold for a policy to be asked.
pub(crate) fn match_conditions(fields: &Mapping<'_>) -> Result<Option<Rules>, ReadError> {
    if fields.optional("matchConditions").is_none() {
        return Ok(None);
    }
    let mut compiler = Compiler::new(environment(Names { authorizer: true, ..Names::default() }));
    let variables = compiler.variables(fields)?;
    let conditions = Conditions::read(fields, "matchConditions", &compiler)?;
    Ok(Some(Rules::new(FailurePolicy::Fail, conditions, variables, Vec::new(), BUDGET)))
}
