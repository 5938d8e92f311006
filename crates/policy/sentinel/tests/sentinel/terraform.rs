//! The imports of Terraform, made of a plan.

use std::path::Path;

use probity_model::{Sources, Value, json};
use probity_policy_sentinel::terraform::{IMPORTS, Plan, PlanError};
use probity_policy_sentinel::testing::Loader;
use probity_policy_sentinel::{Datum, Evaluation, Failure, Import, Outcome, Verdict};
use proptest::prelude::*;

use super::support::policy;

fn document() -> Value {
    json::read(include_bytes!("data/plan.json")).unwrap()
}

fn plan() -> Plan {
    Plan::new(&document()).unwrap()
}

fn run(plan: &Plan, text: &str) -> Result<Outcome, Failure> {
    let policy = policy(text);
    Evaluation::new(&policy).with_plan(plan).with_rules(["x".to_owned()]).run()
}

/// What an expression comes to.
fn x(plan: &Plan, imports: &str, expression: &str) -> String {
    let outcome = run(plan, &format!("{imports}\nx = {expression}\nmain = true"));
    match outcome {
        Ok(outcome) => outcome.rule("x").map_or_else(|| "no x".to_owned(), Datum::to_string),
        Err(failure) => format!("error: {}", failure.message),
    }
}

/// A member of an import as it stands in a snapshot.
fn member(import: &str, name: &str) -> String {
    let outcome = run(&plan(), &format!("import {import:?} as tf\nx = tf.{name}\nmain = true")).unwrap();
    let Some(Datum::Known(value)) = outcome.rule("x") else { panic!("{import}: no {name}") };
    lines(value, "")
}

/// A value with a line an entry; what holds nothing else on one.
fn lines(value: &Value, indent: &str) -> String {
    let inner = format!("{indent}  ");
    let parts: Vec<String> = match value {
        Value::Object(object) => {
            object.iter().map(|(key, value)| format!("{inner}{key:?}: {}", lines(value, &inner))).collect()
        }
        Value::Array(array) if array.iter().any(|element| element.as_object().is_some()) => {
            array.iter().map(|value| format!("{inner}{}", lines(value, &inner))).collect()
        }
        _ => return format!("{value:?}"),
    };
    let [open, close] = if value.as_object().is_some() { ["{", "}"] } else { ["[", "]"] };
    if parts.is_empty() { format!("{open}{close}") } else { format!("{open}\n{}\n{indent}{close}", parts.join("\n")) }
}

#[test]
fn each_import_has_what_is_documented() {
    let members = [
        ("tfplan/v2", "variables"),
        ("tfplan/v2", "planned_values"),
        ("tfplan/v2", "resource_changes"),
        ("tfplan/v2", "resource_drift"),
        ("tfplan/v2", "output_changes"),
        ("tfstate/v2", "resources"),
        ("tfstate/v2", "outputs"),
        ("tfconfig/v2", "providers"),
        ("tfconfig/v2", "resources"),
        ("tfconfig/v2", "provisioners"),
        ("tfconfig/v2", "variables"),
        ("tfconfig/v2", "outputs"),
        ("tfconfig/v2", "module_calls"),
        ("tfplan", "variables"),
        ("tfplan", "module_paths"),
        ("tfplan", "resources"),
        ("tfplan", "module([`records[\"eu.west\"]`])"),
        ("tfstate", "resources"),
        ("tfstate", "data"),
        ("tfstate", "outputs"),
        ("tfstate", "module([`records[\"eu.west\"]`])"),
        ("tfconfig", "resources"),
        ("tfconfig", "data"),
        ("tfconfig", "modules"),
        ("tfconfig", "outputs"),
        ("tfconfig", "providers"),
        ("tfconfig", "variables"),
        ("tfconfig", "module([\"records\"])"),
    ];
    for (import, name) in members {
        let word: String = name.chars().take_while(|letter| *letter != '(').collect();
        insta::assert_snapshot!(format!("{}_{word}", import.replace('/', "_")), member(import, name));
    }
}

#[test]
fn members_that_are_single_values() {
    let plan = plan();
    let imports = "import \"tfplan/v2\" as p\nimport \"tfstate/v2\" as s\nimport \"tfplan\"\nimport \"tfstate/v1\" as t\n\
                   import \"tfconfig/v2\" as c\nimport \"tfconfig\"";
    let cases = [
        ("p.terraform_version", "\"1.12.2\""),
        ("s.terraform_version", "\"1.12.1\""),
        ("tfplan.terraform_version", "\"1.12.2\""),
        ("p.raw.complete", "true"),
        ("p.variable else \"none\"", "\"none\""),
        ("tfplan.module([\"absent\"]) is null", "true"),
        ("tfplan.path is []", "true"),
        ("tfplan.state.resources.aws_vpc.main[0].id", "\"vpc-1\""),
        ("tfplan.config.data.aws_vpc.main.config.default", "true"),
        ("t.data.aws_vpc.main[0].attr.id", "\"vpc-2\""),
        ("tfplan.resources.aws_instance.portal[0].applied.id else \"not known\"", "\"not known\""),
        ("tfplan.resources.aws_kms_key.old[0].applied else \"gone\"", "\"gone\""),
        ("tfconfig.module_paths", "[[], [\"records\"]]"),
        (
            "c.resources[c.strip_index(`module.records[\"eu.west\"].aws_s3_bucket.files`)].provider_config_key",
            "\"module.records:aws\"",
        ),
        ("c.strip_index(undefined)", "undefined"),
        ("c.strip_index(1)", "error: argument 1 of strip_index must be a string, got int"),
        ("tfplan.module(\"root\")", "error: argument 1 of module must be a list, got string"),
        ("tfplan.module([1])", "error: the path of a module is strings, got int"),
    ];
    for (expression, expected) in cases {
        assert_eq!(x(&plan, imports, expression), expected, "{expression}");
    }
}

#[test]
fn what_the_document_does_not_give_is_an_error_of_the_import() {
    let state =
        Plan::new(&json::read(br#"{"format_version": "1.0", "values": {"root_module": {}}}"#).unwrap()).unwrap();
    let text = br#"{"format_version": "1.2", "errored": true, "planned_values": {}, "configuration": {}}"#;
    let errored = Plan::new(&json::read(text).unwrap()).unwrap();
    let cases = [
        (&errored, "tfplan/v2", "ended with an error"),
        (&errored, "tfplan", "ended with an error"),
        (&plan(), "tfrun", "no document of the run is given"),
        (&state, "tfplan/v2", "the document is a state"),
        (&state, "tfplan", "the document is a state"),
        (&state, "tfconfig/v2", "no `configuration`"),
        (&state, "tfconfig", "no `configuration`"),
        (&state, "tfplan/v3", "no standard import"),
        (&state, "tfrun/v1", "no standard import"),
    ];
    for (plan, import, part) in cases {
        let failure = run(plan, &format!("import {import:?} as tf\nmain = true")).unwrap_err();
        assert!(failure.message.contains(part) && failure.location.is_some(), "{import}: {failure}");
    }
    for import in IMPORTS {
        let policy = policy(&format!("import {import:?} as tf\nmain = true"));
        let failure = Evaluation::new(&policy).run().unwrap_err();
        assert!(failure.message.contains("made of a plan of Terraform, and none is given"), "{failure}");
    }
}

#[test]
fn a_state_is_what_tfstate_gives() {
    let document = document().get("prior_state").unwrap().clone();
    let state = Plan::new(&document).unwrap();
    let expression = "[tf.terraform_version, keys(tf.resources), tf.outputs.region.sensitive]";
    let expected = r#"["1.12.1", ["aws_instance.portal[0]", "aws_instance.portal[0]:00000001", "aws_vpc.main", "data.aws_vpc.main", "module.records[\"eu.west\"].aws_s3_bucket.files"], true]"#;
    assert_eq!(x(&state, "import \"tfstate/v2\" as tf", expression), expected);
}

#[test]
fn the_run_is_given_beside_the_plan() {
    let run = Value::object([
        ("is_destroy", false.into()),
        ("workspace", Value::object([("name", "portal".into()), ("tags", Value::array(["team".into()]))])),
        ("cost_estimate", Value::object([("delta_monthly_cost", "12.5".into())])),
    ]);
    let plan = plan().with_run(run);
    let imports = "import \"tfrun\"\nimport \"decimal\"\nimport \"tfplan/v2\" as p";
    assert_eq!(x(&plan, imports, "tfrun.workspace.tags contains \"team\" and not tfrun.is_destroy"), "true");
    let cost = "decimal.new(tfrun.cost_estimate.delta_monthly_cost).lt(100)";
    assert_eq!(x(&plan, imports, cost), "true");
    assert_eq!(x(&plan, imports, "tfrun.project.name else length(p.resource_changes)"), "5");
}

#[test]
fn only_documents_of_terraform_are_plans() {
    let new = |text: &str| Plan::new(&json::read(text.as_bytes()).unwrap());
    assert!(new(r#"{"format_version": "0.2", "planned_values": {}}"#).is_ok());
    assert!(new(r#"{"format_version": "1.99", "planned_values": {}, "news": 1}"#).is_ok());
    let refused = new(r#"{"format_version": "2.0", "planned_values": {}}"#).unwrap_err();
    assert_eq!(refused, PlanError::Version("2.0".to_owned()));
    for text in ["[]", "{}", r#"{"format_version": 1}"#, r#"{"format_version": "1.2"}"#] {
        let error = new(text).unwrap_err();
        assert!(error.to_string().contains("`terraform show -json`"), "{text}: {error}");
    }
}

#[test]
fn what_is_not_known_yet_is_undefined_and_says_what_it_waits_for() {
    let text = r#"{"format_version": "1.2", "planned_values": {}, "resource_changes": [
        {"address": "aws_vpc.main", "mode": "managed", "type": "aws_vpc", "name": "main", "change": {"actions": ["create"], "after": {"a": 1}}}]}"#;
    let document = json::read(text.as_bytes()).unwrap();
    // As plans made of source have it.
    let after = Value::object([("cidr_block", Value::Unknown("var.cidr".into()))]);
    let change = Value::object([("actions", Value::array(["create".into()])), ("after", after)]);
    let names = ["address", "mode", "type", "name"].map(|name| {
        let first = document.get("resource_changes").unwrap().as_array().unwrap().get(0).unwrap();
        (name, first.get(name).unwrap().clone())
    });
    let resource = Value::object(names.into_iter().chain([("change", change)]));
    let planned = Value::object::<&str>([]);
    let document = Value::object([
        ("format_version", "1.2".into()),
        ("planned_values", planned),
        ("resource_changes", Value::array([resource])),
    ]);
    let plan = Plan::new(&document).unwrap();
    let v2 = "import \"tfplan/v2\" as tf\nmain = rule { tf.resource_changes[\"aws_vpc.main\"].change.after.cidr_block is \"x\" }";
    let v1 = "import \"tfplan\"\nmain = rule { tfplan.resources.aws_vpc.main[0].applied.cidr_block is \"x\" }";
    for text in [v2, v1] {
        let outcome = run(&plan, text).unwrap();
        let Datum::Undefined(undefined) = &outcome.main else { panic!("{:?}", outcome.main) };
        assert_eq!(outcome.verdict, Verdict::Undefined);
        assert_eq!(undefined.waits_for.as_deref(), Some("var.cidr"));
        assert!(undefined.expression.ends_with("cidr_block"), "{undefined}");
    }
    let computed = "tfplan.resources.aws_vpc.main[0].diff.cidr_block.computed";
    assert_eq!(x(&plan, "import \"tfplan\"", computed), "true");
}

#[test]
fn policies_and_threads_share_a_plan_and_cannot_change_it() {
    let plan = plan();
    let text = "import \"tfplan/v2\" as tf\nimport \"collection/maps\" as maps\n\
                tf.resource_changes[\"aws_kms_key.old\"] = \"gone\"\n\
                delete(tf.resource_changes[\"aws_instance.portal[0]\"], \"change\")\n\
                main = length(tf.resource_changes) is 5";
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let _ = run(&plan, text);
                }
            });
        }
    });
    let actions = "p.resource_changes[\"aws_kms_key.old\"].change.actions";
    assert_eq!(x(&plan, "import \"tfplan/v2\" as p", actions), "[\"delete\"]");
}

#[test]
fn what_is_given_by_name_comes_before_the_plan() {
    let policy = policy("import \"tfplan/v2\" as tf\nmain = tf.terraform_version is \"given\"");
    let given = Value::object([("terraform_version", "given".into())]);
    let plan = plan();
    let outcome =
        Evaluation::new(&policy).with_plan(&plan).with_import("tfplan/v2", Import::Data(given)).run().unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass);
}

#[test]
fn sentinel_hcl_names_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("plan.json", include_str!("data/plan.json"));
    write("run.json", r#"{"message": "by hand"}"#);
    let loaded = |hcl: &str| {
        write("sentinel.hcl", hcl);
        let sources = Sources::default();
        let mut loader = Loader::new(&sources);
        let configuration = loader.configuration(&folder.path().join("sentinel.hcl"))?;
        loader.imports(&configuration, folder.path())
    };
    let feature = "sentinel { features = { terraform = true } }\n";
    let plugin = |name: &str, path: &str| format!("import \"plugin\" {name:?} {{ config = {{ path = {path:?} }} }}\n");
    let named =
        ["tfplan/v2", "tfconfig/v2", "tfstate/v2", "tfplan/v1"].map(|name| plugin(name, "./plan.json")).concat();
    let imports = loaded(&format!("{feature}{named}{}", plugin("tfrun", "run.json"))).unwrap();
    let policy = policy(
        "import \"tfplan/v2\" as p\nimport \"tfconfig/v2\" as c\nimport \"tfstate/v2\" as s\nimport \"tfplan/v1\" as o\n\
         import \"tfrun\"\nmain = tfrun.message is \"by hand\" and length(p.resource_changes) is 5 and \
         length(c.module_calls) is 1 and length(s.outputs) is 1 and length(o.module_paths) is 2",
    );
    let mut evaluation = Evaluation::new(&policy);
    for (name, import) in imports {
        evaluation = evaluation.with_import(name, import);
    }
    assert_eq!(evaluation.run().unwrap().verdict, Verdict::Pass);

    let cases = [
        (plugin("tfplan/v2", "plan.json"), "the feature is off"),
        (format!("{feature}{}", plugin("tfplan/v2", "absent.json")), "absent.json"),
        (format!("{feature}{}", plugin("tfplan/v2", "run.json")), "run.json: the document is no plan"),
        (format!("{feature}import \"plugin\" \"tfplan/v2\" {{}}"), "`config` must have `path`"),
        ("import \"plugin\" \"time\" { source = \"./time\" }".to_owned(), "not run: ./time"),
        ("import \"plugin\" \"tfplan/v2\" { source = \"./other\" }".to_owned(), "not run: ./other"),
    ];
    for (hcl, part) in cases {
        let message = loaded(&hcl).err().unwrap_or_default();
        assert!(message.contains(part), "{hcl}: {message}");
    }
}

/// Every plan below a folder gives every import, with every change in it: `PROBITY_TERRAFORM_PLANS=FOLDER`.
#[test]
fn real_plans_give_every_import() {
    let Ok(folder) = std::env::var("PROBITY_TERRAFORM_PLANS") else {
        eprintln!("skipped: PROBITY_TERRAFORM_PLANS names no folder");
        return;
    };
    let mut folders = vec![Path::new(&folder).to_path_buf()];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                let Ok(document) = json::read(&std::fs::read(&path).unwrap()) else { continue };
                let Ok(plan) = Plan::new(&document) else { continue };
                if document.get("resource_changes").is_some() {
                    every_change_is_there(&plan, &path);
                    count += 1;
                }
            }
        }
    }
    println!("{count} plans");
    assert!(count > 0);
}

fn every_change_is_there(plan: &Plan, path: &Path) {
    let policy = policy(include_str!("data/every_change.sentinel"));
    match Evaluation::new(&policy).with_plan(plan).run() {
        Ok(outcome) => assert_eq!(outcome.verdict, Verdict::Pass, "{}: {}", path.display(), outcome.trace),
        Err(failure) => panic!("{}: {failure}", path.display()),
    }
}

/// Every member of every import, and what its functions give.
const EVERYTHING: &str = r#"
import "tfplan/v2" as p
import "tfstate/v2" as s
import "tfconfig/v2" as c
import "tfplan"
import "tfstate"
import "tfconfig"
all_of = [
	p.terraform_version, p.variables, p.planned_values, p.resource_changes, p.resource_drift, p.output_changes, p.raw,
	s.terraform_version, s.resources, s.outputs,
	c.providers, c.resources, c.provisioners, c.variables, c.outputs, c.module_calls,
	tfplan.variables, tfplan.resources, tfplan.data, tfplan.path,
	tfstate.outputs, tfstate.resources, tfstate.data,
	tfconfig.resources, tfconfig.data, tfconfig.modules, tfconfig.outputs, tfconfig.providers, tfconfig.variables,
	map tfplan.module_paths as path { tfplan.module(path) },
	map tfstate.module_paths as path { tfstate.module(path) },
	map tfconfig.module_paths as path { tfconfig.module(path) },
	map p.resource_changes as address, _ { c.strip_index(address) },
]
main = length(all_of) is 33
"#;

#[test]
fn the_plan_gives_everything() {
    assert_eq!(run(&plan(), EVERYTHING).unwrap().verdict, Verdict::Pass);
}

/// The document with one of its values, the `at`-th, changed to another.
fn changed(value: &Value, at: &mut usize, other: &Value) -> Value {
    if *at == 0 {
        *at = usize::MAX;
        return other.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (key.clone(), changed(value, at, other))).collect())
        }
        Value::Array(array) => Value::array(array.iter().map(|value| changed(value, at, other))),
        scalar => scalar.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever stands in a plan, its imports are made or refused: nothing panics.
    #[test]
    fn plans_that_are_not_as_terraform_writes_them_are_read(
        mut places in prop::collection::vec(0..700_usize, 1..6),
        other in prop::sample::select(vec![
            Value::Null, true.into(), 7.into(), "data.x".into(), "".into(), Value::array([Value::Null, "a".into()]),
            Value::object([("a", Value::Null)]), Value::Unknown("var.x".into()),
        ]),
    ) {
        let mut document = document();
        for place in &mut places {
            document = changed(&document, place, &other);
        }
        let Ok(plan) = Plan::new(&document) else { return Ok(()) };
        if let Ok(outcome) = run(&plan, EVERYTHING) {
            prop_assert_eq!(outcome.verdict, Verdict::Pass);
        }
    }
}
