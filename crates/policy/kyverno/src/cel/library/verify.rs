//! `verifyImageSignatures`, `verifyAttestationSignatures`, `getImageData` and `extractPayload`: what is asked of the
//! signatures of images. Who verifies stands outside of the expression.

use probity_policy_cel::{Builder, Evaluation, Overload, Type, Value};

use super::outside::ask;

/// Adds what policies on images have.
pub(crate) fn verification(builder: &mut Builder) {
    let attestors = || Type::list(Type::Dyn);
    let functions = [
        (
            "verifyImageSignatures",
            "verify_image_signature_string_stringarray",
            vec![Type::String, attestors()],
            Type::Int,
        ),
        (
            "verifyAttestationSignatures",
            "verify_image_attestations_string_string_stringarray",
            vec![Type::String, Type::String, attestors()],
            Type::Int,
        ),
        ("getImageData", "get_image_data_string", vec![Type::String], Type::Dyn),
        ("extractPayload", "payload_string_string", vec![Type::String, Type::String], Type::Dyn),
    ];
    for (name, id, params, result) in functions {
        let run = move |evaluation: &Evaluation<'_>, args: &[Value]| ask(evaluation, name, args);
        builder.function(name, Overload::global(id, params, result, run).impure());
    }
}
