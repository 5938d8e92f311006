//! What the ledger keeps of an image: the document that was judged, in few words.

use jiff::Timestamp;
use jiff::civil::Date;
use probity_evidence_ledger::{
    AcceptedRisk, AdvisoriesRecord, AttestationRecord, BaseRecord, DependencyCounts, ImageRecord, NewerBase,
    NotAssessed, Origin, ProvenanceRecord, RefusedRecord, SbomRecord, SignatureRecord, SignerRecord,
    VulnerabilitiesRecord, VulnerabilityCounts,
};
use probity_model::value::Array;
use probity_model::{Decision, Outcome, Value};

/// The record of an image and of the decision about it. What names the policies, the list of vulnerabilities and the origin is
/// left to who writes it. `None` when the document is of no image.
pub(crate) fn record(document: &Value, decision: &Decision) -> Option<ImageRecord> {
    let count = |outcome: Outcome| {
        let found = decision.findings.iter().filter(|finding| finding.outcome == outcome).count();
        (found > 0).then_some((outcome, found as u64))
    };
    Some(ImageRecord {
        reference: text(document, &["reference", "text"]).unwrap_or_else(|| decision.subject.address.to_string()),
        digest: text(document, &["digest"]),
        index_digest: text(document, &["index_digest"]),
        id: text(document, &["id"])?,
        platform: text(document, &["platform", "text"]),
        created: text(document, &["created"]),
        os: text(document, &["os", "pretty"]).or_else(|| text(document, &["os", "name"])),
        user: text(document, &["config", "user"]),
        base: object(document, "base").map(base),
        packages: list(document, &["packages"]).map(|packages| packages.len() as u64),
        dependencies: object(document, "dependencies").map(dependencies),
        vulnerabilities: object(document, "vulnerabilities").map(vulnerabilities),
        signatures: list(document, &["signatures"]).map(|all| all.iter().map(signature).collect()),
        attestations: list(document, &["attestations"]).map(|all| all.iter().map(attestation).collect()),
        refused: each(document, &["refused"], refused),
        provenance: object(document, "provenance").map(provenance),
        sbom: object(document, "sbom").map(sbom),
        secrets: list(document, &["secrets"]).map(|secrets| secrets.len() as u64),
        report: None,
        action: decision.action,
        outcomes: Outcome::ALL.iter().filter_map(|&outcome| count(outcome)).collect(),
        decisions: 1,
        policies: None,
        scanner: format!("probity {}", crate::version::version()),
        origin: Origin::default(),
    })
}

fn text(value: &Value, path: &[&str]) -> Option<String> {
    value.at(path)?.as_str().map(str::to_owned)
}

fn list<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Array> {
    value.at(path)?.as_array()
}

fn each<T>(value: &Value, path: &[&str], read: impl Fn(&Value) -> T) -> Vec<T> {
    list(value, path).map(|all| all.iter().map(read).collect()).unwrap_or_default()
}

/// A part of the document that was looked into.
fn object<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    value.get(key).filter(|part| part.as_object().is_some())
}

fn number(value: &Value, path: &[&str]) -> u64 {
    value.at(path).and_then(integer).unwrap_or_default()
}

fn integer(value: &Value) -> Option<u64> {
    u64::try_from(value.as_number()?.as_i64()?).ok()
}

fn flag(value: &Value, path: &[&str]) -> bool {
    value.at(path) == Some(&Value::from(true))
}

fn day(value: &Value, path: &[&str]) -> Option<Date> {
    text(value, path)?.parse().ok()
}

fn time(value: &Value, path: &[&str]) -> Option<Timestamp> {
    text(value, path)?.parse().ok()
}

fn base(base: &Value) -> BaseRecord {
    BaseRecord {
        name: text(base, &["name"]).unwrap_or_default(),
        digest: text(base, &["digest"]),
        date: day(base, &["date"]),
        // It is known because it is on the list of those that are approved.
        approved: true,
        newer: object(base, "newer")
            .map(|newer| NewerBase { digest: text(newer, &["digest"]), date: day(newer, &["date"]) }),
    }
}

fn dependencies(counts: &Value) -> DependencyCounts {
    let count = |key| number(counts, &[key]);
    DependencyCounts { total: count("total"), approved: count("approved"), unapproved: count("unapproved") }
}

fn vulnerabilities(known: &Value) -> VulnerabilitiesRecord {
    let count = |severity| number(known, &["counts", severity]);
    let found = list(known, &["found"]);
    let is_said_not_to_be = |found: &&Value| {
        let status = text(found, &["vex", "status"]);
        matches!(status.as_deref(), Some("not_affected" | "fixed"))
    };
    VulnerabilitiesRecord {
        database: text(known, &["database", "digest"])
            .map(|digest| AdvisoriesRecord { digest, date: text(known, &["database", "date"]).unwrap_or_default() }),
        complete: flag(known, &["complete"]),
        not_assessed: each(known, &["not_assessed"], |gap| NotAssessed {
            ecosystem: text(gap, &["ecosystem"]).unwrap_or_default(),
            reason: text(gap, &["reason"]).unwrap_or_default(),
            packages: number(gap, &["packages"]),
        }),
        open: VulnerabilityCounts {
            critical: count("critical"),
            high: count("high"),
            medium: count("medium"),
            low: count("low"),
            unknown: count("unknown"),
        },
        accepted: found.map(|found| found.iter().filter_map(accepted).collect()).unwrap_or_default(),
        vex: found.map_or(0, |found| found.iter().filter(is_said_not_to_be).count() as u64),
        list: None,
    }
}

fn accepted(found: &Value) -> Option<AcceptedRisk> {
    let waiver = object(found, "waiver")?;
    let name = || Some(format!("{} {}", text(found, &["package", "name"])?, text(found, &["package", "version"])?));
    Some(AcceptedRisk {
        id: text(found, &["id"])?,
        package: text(found, &["package", "purl"]).or_else(name)?,
        severity: text(found, &["severity"])?.into(),
        reason: text(waiver, &["reason"])?,
        requested_by: text(waiver, &["requested_by"])?,
        approved_by: text(waiver, &["approved_by"])?,
        expires: day(waiver, &["expires"])?,
    })
}

fn signer(verified: &Value) -> SignerRecord {
    let name = text(verified, &["approved"]);
    let of = |key| text(verified, &["signer", key]);
    let identity = of("identity").or_else(|| of("keyFingerprint")).or_else(|| of("subject")).unwrap_or_default();
    SignerRecord { approved: name.is_some(), name, identity, issuer: of("issuer") }
}

fn signature(verified: &Value) -> SignatureRecord {
    SignatureRecord {
        signer: signer(verified),
        signed_at: time(verified, &["signedAt"]),
        form: text(verified, &["form"]).unwrap_or_default().into(),
    }
}

fn attestation(verified: &Value) -> AttestationRecord {
    AttestationRecord {
        predicate_type: text(verified, &["predicateType"]).unwrap_or_default(),
        signer: signer(verified),
        signed_at: time(verified, &["signedAt"]),
    }
}

fn refused(refused: &Value) -> RefusedRecord {
    let word = |key| text(refused, &[key]).unwrap_or_default();
    RefusedRecord { kind: word("kind"), reason: word("reason") }
}

fn provenance(provenance: &Value) -> ProvenanceRecord {
    ProvenanceRecord {
        builder: text(provenance, &["builder"]),
        identity: text(provenance, &["identity"]),
        repository: text(provenance, &["repository"]),
        commit: text(provenance, &["commit"]),
        started: time(provenance, &["started"]),
        finished: time(provenance, &["finished"]),
    }
}

fn sbom(sbom: &Value) -> SbomRecord {
    SbomRecord {
        format: text(sbom, &["format"]).unwrap_or_default().into(),
        version: text(sbom, &["version"]).map(Into::into),
        components: number(sbom, &["components"]),
        signed: flag(sbom, &["signed"]),
        valid: flag(sbom, &["valid"]),
        missing: sbom.get("missing_count").and_then(integer),
    }
}
