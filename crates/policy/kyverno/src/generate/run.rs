//! Making resources: whether a rule is to be run, and what it makes.

use probity_kubernetes::kind::KindSelector;
use probity_kubernetes::selector::Selector;
use probity_model::node::Node;
use probity_model::{Key, Value};

use super::labels::{self, with_metadata};
use super::{ForEach, Generate, Pattern, What};
use crate::context::Context;
use crate::engine::{Run, Surroundings, elements, unmet};
use crate::host::HostError;
use crate::object::{self, with_entry};
use crate::policy::Policy;
use crate::request::Request;
use crate::response::{Response, RuleResponse, RuleType, Status};
use crate::rule::{Body, Rule};

const TYPE: RuleType = RuleType::Generation;

/// Most resources that one rule makes for one trigger.
const MAX_MADE: usize = 10_000;

impl Policy {
    /// Makes what the rules that generate make for a request. A rule that fails says that it no longer applies: what it
    /// made for the older object is to go.
    pub fn generate(&self, request: &Request, around: Surroundings<'_>) -> Response {
        let mut response = Response::default();
        if !self.is_for(request) {
            return response;
        }
        for rule in self.rules_for(&request.gvk.kind) {
            let Body::Generate(generation) = &rule.body else { continue };
            let Some(made) = self.generate_by(rule, generation, request, around) else { continue };
            let is_applied = made.status != Status::Skip;
            response.rules.push(made);
            if self.spec.apply_one && is_applied {
                break;
            }
        }
        response
    }

    fn generate_by(
        &self,
        rule: &Rule,
        generation: &Generate,
        request: &Request,
        around: Surroundings<'_>,
    ) -> Option<RuleResponse> {
        let run = Run { policy: self, rule, request, around };
        let mut context = Context::new(request, &self.namespace, around.host);
        let exceptions = run.exceptions(&context);
        if !exceptions.is_empty() && rule.selects(request) {
            return Some(run.excepted(TYPE, &exceptions));
        }
        if !selects(rule, request, request.object.as_ref()) {
            let was_selected = selects(rule, request, request.old_object.as_ref());
            return was_selected.then(|| run.own(TYPE, Status::Fail, ""));
        }
        run.load(&mut context, &rule.context);
        match run.preconditions(&context) {
            Ok(None) => Some(generation.response(run, &mut context)),
            Ok(Some(_)) => Some(no_longer(run, &mut context)),
            Err(error) => Some(run.error(TYPE, "failed to evaluate conditions", error)),
        }
    }
}

fn selects(rule: &Rule, request: &Request, object: Option<&Value>) -> bool {
    let of = |object: &Value| Request { object: Some(object.clone()), old_object: None, ..request.clone() };
    object.is_some_and(|object| rule.selects(&of(object)))
}

/// The rule does not apply; it fails when it did apply to the older object.
fn no_longer<'c>(run: Run<'c>, context: &mut Context<'c>) -> RuleResponse {
    if let Some(old) = &run.request.old_object {
        context.set_object(Some(old));
        match run.preconditions(context) {
            Ok(None) => return run.own(TYPE, Status::Fail, ""),
            Ok(Some(_)) => {}
            Err(error) => return run.error(TYPE, "failed to evaluate conditions for old resource", error),
        }
    }
    run.own(TYPE, Status::Skip, "")
}

impl Generate {
    fn response<'c>(&'c self, run: Run<'c>, context: &mut Context<'c>) -> RuleResponse {
        let mut maker = Maker { run, synchronize: self.synchronize, made: Vec::new() };
        match maker.make(self, context) {
            Ok(()) => RuleResponse { generated: maker.made, ..run.own(TYPE, Status::Pass, "") },
            Err(error) => run.error(TYPE, "failed to generate", error),
        }
    }
}

/// A resource that is meant: what it is and where.
struct Spec<'v> {
    api_version: &'v str,
    kind: &'v str,
    namespace: &'v str,
    name: &'v str,
}

impl<'v> Spec<'v> {
    fn of(pattern: &'v Value) -> Self {
        Self {
            api_version: object::text(pattern, "apiVersion"),
            kind: object::text(pattern, "kind"),
            namespace: object::text(pattern, "namespace"),
            name: object::text(pattern, "name"),
        }
    }

    fn of_object(object: &'v Value) -> Self {
        Self {
            api_version: object::text(object, "apiVersion"),
            kind: object::text(object, "kind"),
            namespace: object::namespace(object),
            name: object::name(object),
        }
    }
}

/// Makes resources for one rule.
struct Maker<'r> {
    run: Run<'r>,
    synchronize: bool,
    made: Vec<Value>,
}

impl<'r> Maker<'r> {
    fn make(&mut self, generation: &'r Generate, context: &mut Context<'r>) -> Result<(), String> {
        match &generation.what {
            What::One(pattern) => self.pattern(pattern, context),
            What::ForEach(loops) => {
                let results: Vec<_> = loops.iter().map(|each| self.for_each(each, context)).collect();
                let errors: Vec<String> = results.into_iter().filter_map(Result::err).collect();
                if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
            }
        }
    }

    fn for_each(&mut self, each: &'r ForEach, context: &mut Context<'r>) -> Result<(), String> {
        let list = || each.list.text();
        let elements = elements(&each.list, context);
        let elements = elements.map_err(|error| format!("failed to evaluate foreach list {}: {error}", list()))?;
        let mark = context.mark();
        let mut errors = Vec::new();
        for (index, element) in elements.iter().enumerate().filter(|(_, element)| !element.is_null()) {
            context.restore(&mark);
            context.set_element(element, index, 0);
            self.run.load(context, &each.context);
            let made = match unmet(each.preconditions.as_ref(), context) {
                Ok(None) => self.pattern(&each.pattern, context),
                Ok(Some(_)) => Ok(()),
                Err(error) => Err(format!("failed to evaluate preconditions: {error}")),
            };
            errors.extend(made.err().map(|error| format!("failed to process {index} element: {error}")));
        }
        context.restore(&mark);
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    fn pattern(&mut self, pattern: &Pattern, context: &Context<'_>) -> Result<(), String> {
        let said = pattern.template.substitute(context).map_err(|error| error.message)?;
        let target = Spec::of(&said);
        let clone = said.get("clone").filter(|clone| !object::text(clone, "name").is_empty());
        let list = said.get("cloneList").filter(|list| list.get("kinds").is_some_and(|kinds| !kinds.is_null()));
        match (clone, list) {
            (Some(clone), _) => {
                let source =
                    Spec { namespace: object::text(clone, "namespace"), name: object::text(clone, "name"), ..target };
                self.clone(&Spec::of(&said), &source)
            }
            (None, Some(list)) => self.clone_list(target.namespace, list),
            (None, None) => match said.get("data").filter(|data| !data.is_null()) {
                Some(data) => self.data(&target, data),
                None => Ok(()),
            },
        }
    }

    fn data(&mut self, target: &Spec<'_>, data: &Value) -> Result<(), String> {
        match self.find(target)? {
            Some(_) if !self.synchronize => Ok(()),
            // What is there is changed, which makes no further resource.
            Some(_) => Ok(()),
            None => self.add(target, data),
        }
    }

    fn clone(&mut self, target: &Spec<'_>, source: &Spec<'_>) -> Result<(), String> {
        if source.namespace == target.namespace && source.name == target.name {
            return Ok(());
        }
        let found = self.find(source)?;
        let found = found
            .ok_or_else(|| format!("source resource {}/{}/{} not found", source.kind, source.namespace, source.name))?;
        self.copy(target, &found)
    }

    fn copy(&mut self, target: &Spec<'_>, source: &Value) -> Result<(), String> {
        if self.find(target)?.is_some() {
            return Ok(());
        }
        let mut copy = labels::cloned(source, source);
        let is_moved = object::namespace(source) != target.namespace;
        let owned = ["uid", "selfLink", "creationTimestamp", "managedFields", "resourceVersion"];
        for field in owned.into_iter().chain(is_moved.then_some("ownerReferences")) {
            copy = with_metadata(&copy, field, None);
        }
        self.add(target, &copy)
    }

    fn clone_list(&mut self, namespace: &str, list: &Value) -> Result<(), String> {
        let kinds = list.get("kinds").and_then(Value::as_array).cloned().unwrap_or_default();
        let from = object::text(list, "namespace");
        let selector = list.get("selector").filter(|selector| !selector.is_null());
        let selector = selector.map(|selector| Selector::read(Node::root(selector, None))).transpose();
        let selector = selector.map_err(|problem| format!("cloneList: {problem}"))?;
        for kind in kinds.iter().filter_map(Value::as_str) {
            let wanted = KindSelector::parse(kind);
            let api_version = match (wanted.group.as_str(), wanted.version.as_str()) {
                ("*", version) => version.to_owned(),
                (group, version) => format!("{group}/{version}"),
            };
            for source in self.list(&api_version, &wanted.kind)? {
                let is_meant = object::namespace(&source) == from || from.is_empty();
                if !is_meant || !selector.as_ref().is_none_or(|known| known.matches(object::labels(&source))) {
                    continue;
                }
                if object::namespace(&source) != namespace {
                    let target = Spec { namespace, ..Spec::of_object(&source) };
                    self.copy(&target, &source)?;
                }
            }
        }
        Ok(())
    }

    fn list(&self, api_version: &str, kind: &str) -> Result<Vec<Value>, String> {
        match self.run.around.host.objects(api_version, kind, "") {
            Ok(found) => Ok(found.as_array().map(|found| found.as_slice().to_vec()).unwrap_or_default()),
            Err(HostError::Disabled) => Ok(Vec::new()),
            Err(HostError::Failed(error)) => Err(error),
        }
    }

    /// The resource, when it was made before or is there.
    fn find(&self, spec: &Spec<'_>) -> Result<Option<Value>, String> {
        let is_it = |object: &Value| {
            object::name(object) == spec.name
                && object::namespace(object) == spec.namespace
                && object::text(object, "kind") == spec.kind
        };
        if let Some(made) = self.made.iter().find(|made| is_it(made)) {
            return Ok(Some(made.clone()));
        }
        Ok(self.list(spec.api_version, spec.kind)?.into_iter().find(is_it))
    }

    fn add(&mut self, target: &Spec<'_>, data: &Value) -> Result<(), String> {
        if self.made.len() >= MAX_MADE {
            return Err(format!("the rule makes more than {MAX_MADE} resources"));
        }
        let namespace = (!target.namespace.is_empty()).then(|| target.namespace.into());
        let made = with_metadata(data, "namespace", namespace);
        let made = with_metadata(&made, "name", Some(target.name.into()));
        let made = with_metadata(&made, "resourceVersion", None);
        let fields = made.as_object().cloned().unwrap_or_default();
        let fields = with_entry(&fields, "apiVersion", target.api_version.into());
        let kind = fields.get("kind").and_then(Value::as_str).filter(|kind| !kind.is_empty());
        let kind = kind.unwrap_or(target.kind).to_owned();
        let made = Value::Object(
            fields
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .chain([(Key::new("kind"), kind.into())])
                .collect(),
        );
        let trigger = self.run.request.resource().cloned().unwrap_or_default();
        self.made.push(labels::managed(&made, &trigger, self.run.policy, &self.run.rule.name));
        Ok(())
    }
}
