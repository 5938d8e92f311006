//! What a certificate of Fulcio says of the build, by the names of its extensions (Fulcio's `oid-info.md`).

use probity_model::Value;
use sigstore_verify::crypto::FulcioCiClaims;

/// The claims as a document; those that the certificate does not make are left out.
pub(super) fn document(claims: &FulcioCiClaims) -> Value {
    let old = &claims.deprecated_github;
    let entries = [
        ("buildSignerURI", &claims.build_signer_uri),
        ("buildSignerDigest", &claims.build_signer_digest),
        ("runnerEnvironment", &claims.runner_environment),
        ("sourceRepositoryURI", &claims.source_repository_uri),
        ("sourceRepositoryDigest", &claims.source_repository_digest),
        ("sourceRepositoryRef", &claims.source_repository_ref),
        ("sourceRepositoryIdentifier", &claims.source_repository_identifier),
        ("sourceRepositoryOwnerURI", &claims.source_repository_owner_uri),
        ("sourceRepositoryOwnerIdentifier", &claims.source_repository_owner_identifier),
        ("buildConfigURI", &claims.build_config_uri),
        ("buildConfigDigest", &claims.build_config_digest),
        ("buildTrigger", &claims.build_trigger),
        ("runInvocationURI", &claims.run_invocation_uri),
        ("sourceRepositoryVisibilityAtSigning", &claims.source_repository_visibility_at_signing),
        ("deploymentEnvironment", &claims.deployment_environment),
        ("githubWorkflowTrigger", &old.workflow_trigger),
        ("githubWorkflowSHA", &old.workflow_sha),
        ("githubWorkflowName", &old.workflow_name),
        ("githubWorkflowRepository", &old.workflow_repository),
        ("githubWorkflowRef", &old.workflow_ref),
    ];
    let made = entries.into_iter().filter_map(|(name, claim)| Some((name, Value::from(claim.as_deref()?))));
    Value::object(made)
}
