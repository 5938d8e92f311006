//! Documents of each form, read, written and compared. Those that others publish, with the schemas of their forms, lie in the
//! folder that `PROBITY_SBOM` names: schemas (`bom-1.6.schema.json`, ..., `spdx-2.3.schema.json`) in `schema`, documents in `documents`.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::{Registry, Resource, Validator};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    Component, Field, Format, Hash, Kind, License, Property, Relation, Relationship, Sbom, SbomError, Tool, compare,
    read, write,
};

const FORMATS: [Format; 3] = [Format::CycloneDx16, Format::CycloneDx17, Format::Spdx23];

fn component(name: &str, version: &str) -> Component {
    Component {
        reference: format!("ref/{name}@{version}"),
        name: name.to_owned(),
        version: Some(version.to_owned()),
        purl: Some(format!("pkg:pypi/{name}@{version}")),
        ..Component::default()
    }
}

fn sbom() -> Sbom {
    let mut flask = component("flask", "3.0.0");
    flask.licenses = vec![License::Expression("BSD-3-Clause OR MIT".to_owned())];
    flask.hashes = Hash::new("sha256", &"a".repeat(64)).into_iter().collect();
    flask.supplier = Some("Pallets".to_owned());
    flask.cpes = vec!["cpe:2.3:a:pallets:flask:3.0.0:*:*:*:*:*:*:*".to_owned()];
    flask.properties = vec![Property { name: "probity:layer".to_owned(), value: "2".to_owned() }];
    let mut jinja = component("jinja2", "3.1.2");
    jinja.licenses = vec![License::Name("Own licence, version 1".to_owned()), License::Id("MIT".to_owned())];
    let subject = Component { kind: Kind::Container, purl: None, ..component("image", "sha256:1") };
    let link = |from: &Component, relation, to: &Component| Relationship {
        from: from.reference.clone(),
        relation,
        to: to.reference.clone(),
    };
    Sbom {
        timestamp: Some("2026-11-27T02:30:00.123Z".to_owned()),
        tools: vec![Tool { vendor: None, name: "probity".to_owned(), version: Some("0.1.0".to_owned()) }],
        relationships: vec![link(&flask, Relation::DependsOn, &jinja), link(&subject, Relation::Contains, &flask)],
        subject: Some(subject),
        components: vec![flask, jinja],
        ..Sbom::default()
    }
}

/// What every form keeps of a component.
fn kept(sbom: &Sbom) -> Vec<(String, Option<String>, Option<String>)> {
    let mut all: Vec<_> = sbom
        .all()
        .map(|it| {
            let group = it.group.as_ref().filter(|_| sbom.format != "SPDX").map(|group| format!("{group}/"));
            (group.unwrap_or_default() + &it.name, it.version.clone(), it.purl.clone())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn what_is_written_is_read_again() {
    let made = sbom();
    for format in FORMATS {
        let again = read(write(&made, format).as_bytes()).expect("our own document");
        assert_eq!(kept(&again), kept(&made), "{format:?}");
        let flask = again.components.iter().find(|it| it.name == "flask").expect("flask");
        assert_eq!(
            (&flask.hashes, &flask.supplier, &flask.cpes),
            (&made.components[0].hashes, &made.components[0].supplier, &made.components[0].cpes)
        );
        assert_eq!(again.subject.as_ref().map(|it| it.kind), Some(Kind::Container));
        assert_eq!(again.tools[0].name, "probity");
        assert_eq!(again.relationships.len(), 2, "{format:?}");
        assert!(compare(&made, &again).changed.iter().all(|change| change.before.name == "jinja2"), "{format:?}");
        assert_eq!(write(&made, format), write(&made, format));
    }
    let cyclonedx = read(write(&made, Format::CycloneDx16).as_bytes()).expect("our own document");
    assert_eq!(cyclonedx.components[0].properties, made.components[0].properties);
}

#[test]
fn differences_are_told() {
    let before = sbom();
    let mut after = before.clone();
    after.components[0].version = Some("3.0.1".to_owned());
    after.components[0].purl = Some("pkg:pypi/flask@3.0.1?arch=any".to_owned());
    after.components[1].licenses.clear();
    after.components.push(component("click", "8.0.0"));
    let comparison = compare(&before, &after);
    let changed: Vec<_> = comparison.changed.iter().map(|it| (it.before.name.as_str(), it.fields.as_slice())).collect();
    assert_eq!(changed, [("flask", [Field::Version].as_slice()), ("jinja2", [Field::Licenses].as_slice())]);
    assert_eq!((comparison.added.len(), comparison.removed.len()), (1, 0));
    assert_eq!(compare(&after, &before).removed[0].name, "click");
    assert!(compare(&before, &before).is_empty());
    // The same package in two versions: the one that both have is no change.
    let two =
        |versions: [&str; 2]| Sbom { components: versions.map(|it| component("x", it)).to_vec(), ..Sbom::default() };
    let comparison = compare(&two(["1", "2"]), &two(["2", "3"]));
    assert_eq!((comparison.changed.len(), comparison.changed[0].before.version.as_deref()), (1, Some("1")));
}

#[test]
fn forms_that_are_not_read_are_refused() {
    let cases = [
        ("", "Unknown"),
        ("{}", "Unknown"),
        ("[1]", "Unknown"),
        (r#"{"bomFormat": "CycloneDX", "specVersion": "1.2"}"#, "Version"),
        (r#"{"bomFormat": "Other", "specVersion": "1.6"}"#, "Invalid"),
        (
            r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "thing", "name": "x"}]}"#,
            "Invalid",
        ),
        (
            r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "file", "name": "x", "bom-ref": "a"}, {"type": "file", "name": "y", "bom-ref": "a"}]}"#,
            "Invalid",
        ),
        (r#"{"spdxVersion": "SPDX-2.1", "name": "x", "creationInfo": {"created": ""}}"#, "Version"),
        (r#"{"spdxVersion": "SPDX-2.3"}"#, "Invalid"),
        (r#"{"@graph": [{"type": "CreationInfo", "specVersion": "4.0"}]}"#, "Version"),
        (r#"{"@graph": 1}"#, "Invalid"),
        ("SPDXVersion: SPDX-2.3\nDocumentComment: <text>no end", "Invalid"),
    ];
    for (text, kind) in cases {
        let error = read(text.as_bytes()).expect_err(text);
        let found = match error {
            SbomError::TooMuch { .. } => "TooMuch",
            SbomError::Unknown(_) => "Unknown",
            SbomError::Version { .. } => "Version",
            SbomError::Invalid { .. } => "Invalid",
        };
        assert_eq!(found, kind, "{text}");
    }
}

#[test]
fn tags_are_read_as_json_is() {
    let text = "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nDocumentName: image\nCreator: Tool: syft-1.57.0\nCreated: 2026-11-27T00:00:00Z\n\
        ##### Package\nPackageName: zlib\nSPDXID: SPDXRef-zlib\nPackageVersion: 1.3\nPackageCopyrightText: <text>One\ntwo</text>\n\
        PackageLicenseDeclared: LicenseRef-own\nExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/zlib@1.3\n\
        PackageName: libc\nSPDXID: SPDXRef-libc\nPackageVersion: NOASSERTION\n\
        LicenseID: LicenseRef-own\nLicenseName: Own\nRelationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-zlib\n\
        Relationship: SPDXRef-libc DEPENDENCY_OF SPDXRef-zlib\n";
    let sbom = read(text.as_bytes()).expect("a document");
    let zlib = sbom.subject.expect("a subject");
    assert_eq!(
        (zlib.name.as_str(), zlib.copyright.as_deref(), zlib.licenses),
        ("zlib", Some("One\ntwo"), vec![License::Name("Own".to_owned())])
    );
    assert_eq!(sbom.components[0].version, None);
    assert_eq!(sbom.tools[0].version.as_deref(), Some("1.57.0"));
    let depends =
        Relationship { from: "SPDXRef-zlib".to_owned(), relation: Relation::DependsOn, to: "SPDXRef-libc".to_owned() };
    assert_eq!(sbom.relationships, [depends]);
}

/// However a form writes licences that all hold, what is read is the same.
#[test]
fn licences_are_the_same_in_every_form() {
    let mut one = component("one", "1");
    one.licenses = [
        License::Expression("LGPL-3.0-or-later OR GPL-2.0-or-later".to_owned()),
        License::Name("Own licence".to_owned()),
        License::Id("MIT".to_owned()),
    ]
    .to_vec();
    let sbom = Sbom { components: vec![one, component("other", "1")], ..Sbom::default() };
    for format in FORMATS {
        let again = read(write(&sbom, format).as_bytes()).expect("our own document");
        assert!(compare(&sbom, &again).is_empty(), "{format:?}: {:?}", again.all().next());
    }
}

#[test]
fn a_graph_is_read() {
    let graph = json!({"@context": "x", "@graph": [
        {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1", "created": "2026-11-27T00:00:00Z", "createdBy": ["a"], "createdUsing": ["t"]},
        {"type": "Organization", "spdxId": "a", "name": "Example"}, {"type": "Tool", "spdxId": "t", "name": "maker"},
        {"type": "SpdxDocument", "spdxId": "d", "creationInfo": "_:c", "rootElement": ["b"]}, {"type": "software_Sbom", "spdxId": "b", "rootElement": ["p"]},
        {"type": "software_Package", "spdxId": "p", "name": "image", "software_primaryPurpose": "container"},
        {"type": "software_Package", "spdxId": "q", "name": "zlib", "software_packageVersion": "1.3", "software_packageUrl": "pkg:deb/debian/zlib@1.3", "suppliedBy": "a",
         "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": "b".repeat(64)}]},
        {"type": "simplelicensing_LicenseExpression", "spdxId": "l", "simplelicensing_licenseExpression": "Zlib"},
        {"type": "Relationship", "from": "q", "relationshipType": "hasDeclaredLicense", "to": ["l"]},
        {"type": "Relationship", "from": "p", "relationshipType": "contains", "to": ["q", "nowhere"]}]});
    let sbom = read(graph.to_string().as_bytes()).expect("a document");
    assert_eq!(sbom.subject.map(|it| (it.name, it.kind)), Some(("image".to_owned(), Kind::Container)));
    let zlib = &sbom.components[0];
    assert_eq!(
        (zlib.licenses.as_slice(), zlib.supplier.as_deref(), zlib.hashes.len()),
        ([License::Expression("Zlib".to_owned())].as_slice(), Some("Example"), 1)
    );
    assert_eq!((sbom.relationships.len(), sbom.authors, sbom.tools.len()), (1, vec!["Example".to_owned()], 1));
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("PROBITY_SBOM").map(PathBuf::from);
    if folder.is_none() {
        println!("not tried: PROBITY_SBOM names no folder of schemas and documents");
    }
    folder
}

fn validators(folder: &Path) -> Vec<(Format, Validator)> {
    let schema = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(folder.join("schema").join(name)).expect(name)).expect("JSON")
    };
    let mut registry = Registry::new();
    for name in ["spdx.schema.json", "jsf-0.82.schema.json", "cryptography-defs.schema.json"] {
        registry = registry
            .add(format!("http://cyclonedx.org/schema/{name}"), Resource::from_contents(schema(name)))
            .expect("a resource");
    }
    let registry = registry.prepare().expect("schemas");
    let build = |name: &str| {
        jsonschema::options()
            .with_registry(&registry)
            .should_validate_formats(true)
            .build(&schema(name))
            .expect("a schema")
    };
    vec![
        (Format::CycloneDx16, build("bom-1.6.schema.json")),
        (Format::CycloneDx17, build("bom-1.7.schema.json")),
        (Format::Spdx23, build("spdx-2.3.schema.json")),
    ]
}

fn valid(validators: &[(Format, Validator)], sbom: &Sbom, name: &str) {
    for (format, validator) in validators {
        let text = write(sbom, *format);
        let document = serde_json::from_str(&text).expect("JSON");
        let errors: Vec<String> =
            validator.iter_errors(&document).map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{name} as {format:?}: {errors:?}\n{text}");
        assert_eq!(
            kept(&read(text.as_bytes()).expect("our own document")),
            kept_as(sbom, *format),
            "{name} as {format:?}"
        );
    }
}

/// SPDX has no groups: they are part of the name.
fn kept_as(sbom: &Sbom, format: Format) -> Vec<(String, Option<String>, Option<String>)> {
    let bare =
        if format == Format::Spdx23 { sbom.clone() } else { Sbom { format: "CycloneDX".to_owned(), ..sbom.clone() } };
    kept(&bare)
}

#[test]
fn what_is_written_is_valid_by_the_schemas() {
    let Some(folder) = folder() else { return };
    let validators = validators(&folder);
    valid(&validators, &sbom(), "our own");
    valid(&validators, &Sbom::default(), "the empty one");
    let mut count = 0;
    for entry in fs::read_dir(folder.join("documents")).expect("documents") {
        let path = entry.expect("an entry").path();
        let text = fs::read(&path).expect("a document");
        let read = read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        valid(&validators, &read, &path.display().to_string());
        count += 1;
    }
    println!("{count} documents read, and written in three forms");
    assert!(count > 0, "no documents");
}

proptest! {
    /// Whatever a document says, reading it ends, and not in a panic; and what was read can be written.
    #[test]
    fn any_text_is_read_or_refused(text in r#"(\{|\}|\[|\]|:|,|"(bomFormat|CycloneDX|specVersion|1\.6|spdxVersion|SPDX-2\.3|components|type|library|name|@graph|artifacts|descriptor|creationInfo|created)"|SPDXVersion: SPDX-2\.3|PackageName: x|<text>|\n|é){0,40}"#) {
        if let Ok(sbom) = read(text.as_bytes()) {
            for format in FORMATS {
                prop_assert!(read(write(&sbom, format).as_bytes()).is_ok());
            }
        }
    }

    #[test]
    fn any_model_can_be_written(names in prop::collection::vec("[a-zé@/ #\"]{0,8}", 0..6), license in ".{0,8}", timestamp in "\\PC{0,24}") {
        let components = names.iter().enumerate().map(|(at, name)| Component {
            reference: format!("{at}{name}"),
            name: name.clone(),
            licenses: vec![License::Name(license.clone())],
            ..Component::default()
        });
        let sbom = Sbom { components: components.collect(), timestamp: Some(timestamp), ..Sbom::default() };
        for format in FORMATS {
            let again = read(write(&sbom, format).as_bytes());
            prop_assert_eq!(again.map(|it| it.all().count()), Ok(names.len()));
        }
    }
}
