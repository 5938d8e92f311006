//! `resource`, `http`, `globalContext`, `image` and `generator`: what is asked of a cluster, of services and registries.
//!
//! Nothing is asked here: each call goes to what the evaluation has for it.

use probity_policy_cel::{Builder, Error, Evaluation, Overload, Type, Value};

use super::{Namespace, namespace};

const RESOURCE: &str = "resource.Context";
const GVR: &str = "schema.GroupVersionResource";
const HTTP: &str = "http.Context";
const GLOBAL: &str = "globalcontext.Context";
const IMAGE_DATA: &str = "imagedata.Context";
const GENERATOR: &str = "generator.Context";

/// Where a policy may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everywhere; it names the namespaces.
    Cluster,
    /// In its own namespace, which it does not name.
    Namespace,
}

/// Asks what the evaluation has for calls that reach outside.
pub(super) fn ask(evaluation: &Evaluation<'_>, function: &str, args: &[Value]) -> Result<Value, Error> {
    match evaluation.outside() {
        Some(outside) => outside.call(function, args),
        None => Err(Error::new(format!("`{function}` reaches outside, which is not allowed here"))),
    }
}

/// One form of a function that reaches outside: what it is asked as, and the arguments besides the value it is called on.
struct Call {
    asked: &'static str,
    params: Vec<Type>,
    result: Type,
}

/// Adds a function under both its names; `ids` are those of the overloads, two for each form.
fn member(
    builder: &mut Builder,
    owner: &'static str,
    names: [&'static str; 2],
    ids: &[[&'static str; 2]],
    calls: &[Call],
) {
    for (call, ids) in calls.iter().zip(ids) {
        for (name, id) in names.into_iter().zip(*ids) {
            let params: Vec<Type> = std::iter::once(namespace(owner)).chain(call.params.iter().cloned()).collect();
            let asked = call.asked;
            let run = move |evaluation: &Evaluation<'_>, args: &[Value]| ask(evaluation, asked, &args[1..]);
            builder.function(name, Overload::member(id, params, call.result.clone(), run).impure());
        }
    }
}

fn object() -> Type {
    Type::map(Type::String, Type::Dyn)
}

fn labels() -> Type {
    Type::map(Type::String, Type::String)
}

pub(super) fn add(builder: &mut Builder, scope: Scope) {
    for (name, owner) in [("resource", RESOURCE), ("http", HTTP), ("globalContext", GLOBAL), ("image", IMAGE_DATA)] {
        builder.constant(name, Value::opaque(Namespace(owner)));
    }
    resources(builder, scope);
    http(builder);
    let call = |params: Vec<Type>| Call { asked: "globalContext.get", params, result: Type::Dyn };
    member(
        builder,
        GLOBAL,
        ["Get", "get"],
        &[["global_get_1", "global_get_1_camel"], ["global_get_2", "global_get_2_camel"]],
        &[call(vec![Type::String]), call(vec![Type::String, Type::String])],
    );
    let call = Call { asked: "image.getMetadata", params: vec![Type::String], result: Type::Dyn };
    member(builder, IMAGE_DATA, ["GetMetadata", "getMetadata"], &[["imagedata_get", "imagedata_get_camel"]], &[call]);
}

/// What policies on requests have of it.
pub(super) fn of_authorizers(builder: &mut Builder, scope: Scope) {
    for (name, owner) in [("resource", RESOURCE), ("http", HTTP)] {
        builder.constant(name, Value::opaque(Namespace(owner)));
    }
    resources(builder, scope);
    http(builder);
}

/// `get`, `list`, `post` and `toGVR`, by version and name of a resource or by what `toGVR` gives.
fn resources(builder: &mut Builder, scope: Scope) {
    // What names the namespace, where the policy may.
    let within = || match scope {
        Scope::Cluster => vec![Type::String],
        Scope::Namespace => Vec::new(),
    };
    let by_name = || vec![Type::String, Type::String];
    let by_gvr = || vec![namespace(GVR)];
    let params = |parts: [Vec<Type>; 3]| parts.concat();
    let call = |asked, params| Call { asked, params, result: object() };
    member(
        builder,
        RESOURCE,
        ["Get", "get"],
        &[["resource_get", "resource_get_camel"], ["resource_get_gvr", "resource_get_gvr_camel"]],
        &[
            call("resource.get", params([by_name(), within(), vec![Type::String]])),
            call("resource.get", params([by_gvr(), within(), vec![Type::String]])),
        ],
    );
    member(
        builder,
        RESOURCE,
        ["List", "list"],
        &[
            ["resource_list", "resource_list_camel"],
            ["resource_list_labels", "resource_list_labels_camel"],
            ["resource_list_gvr", "resource_list_gvr_camel"],
            ["resource_list_gvr_labels", "resource_list_gvr_labels_camel"],
        ],
        &[
            call("resource.list", params([by_name(), within(), Vec::new()])),
            call("resource.list", params([by_name(), within(), vec![labels()]])),
            call("resource.list", params([by_gvr(), within(), Vec::new()])),
            call("resource.list", params([by_gvr(), within(), vec![labels()]])),
        ],
    );
    member(
        builder,
        RESOURCE,
        ["Post", "post"],
        &[["resource_post", "resource_post_camel"], ["resource_post_cluster", "resource_post_cluster_camel"]],
        &[
            call("resource.post", params([by_name(), within(), vec![object()]])),
            call("resource.post", params([by_name(), Vec::new(), vec![object()]])),
        ],
    );
    let call = Call { asked: "resource.toGVR", params: by_name(), result: namespace(GVR) };
    member(builder, RESOURCE, ["ToGVR", "toGVR"], &[["resource_to_gvr", "resource_to_gvr_camel"]], &[call]);
}

fn http(builder: &mut Builder) {
    let call = |asked, params| Call { asked, params, result: Type::Dyn };
    member(
        builder,
        HTTP,
        ["Get", "get"],
        &[["http_get", "http_get_camel"], ["http_get_headers", "http_get_headers_camel"]],
        &[call("http.get", vec![Type::String]), call("http.get", vec![Type::String, labels()])],
    );
    member(
        builder,
        HTTP,
        ["Post", "post"],
        &[["http_post", "http_post_camel"], ["http_post_headers", "http_post_headers_camel"]],
        &[call("http.post", vec![Type::String, Type::Dyn]), call("http.post", vec![Type::String, Type::Dyn, labels()])],
    );
    // Certificates matter to who asks, and nothing is asked here.
    for (name, id) in [("Client", "http_client"), ("client", "http_client_camel")] {
        let params = vec![namespace(HTTP), Type::String];
        let same = |_: &Evaluation<'_>, args: &[Value]| Ok(args[0].clone());
        builder.function(name, Overload::member(id, params, namespace(HTTP), same));
    }
}

pub(super) fn add_generator(builder: &mut Builder, scope: Scope) {
    builder.constant("generator", Value::opaque(Namespace(GENERATOR)));
    let resources = Type::list(object());
    let params = match scope {
        Scope::Cluster => vec![Type::String, resources],
        Scope::Namespace => vec![resources],
    };
    let call = Call { asked: "generator.apply", params, result: Type::Bool };
    member(builder, GENERATOR, ["Apply", "apply"], &[["generator_apply", "generator_apply_camel"]], &[call]);
}
