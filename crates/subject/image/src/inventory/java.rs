//! Java: `jar`, `war`, `ear` and the like, also those inside of them (JAR File Specification, Maven's archiver).

use std::io::{self, Cursor, Read, Seek};

use smol_str::SmolStr;
use zip::ZipArchive;

use crate::limits::Limits;
use crate::package::{Package, PackageKind};

/// Largest descriptor that is read.
const MAX_DESCRIPTOR: u64 = 4 << 20;

/// Most entries of an archive.
const MAX_ENTRIES: usize = 200_000;

pub(super) fn is_archive(path: &str) -> bool {
    let end = path.rsplit('.').next().unwrap_or_default();
    ["jar", "war", "ear", "par", "sar", "hpi", "jpi", "nar", "kar"].iter().any(|known| end.eq_ignore_ascii_case(known))
}

/// What an archive is and what is in it.
pub(super) fn packages(bytes: &[u8], path: &str, limits: &Limits) -> Result<Vec<Package>, String> {
    let mut reader = Reader { left: limits.archive, packages: Vec::new() };
    reader.archive(Cursor::new(bytes), path, limits.nesting)?;
    Ok(reader.packages)
}

struct Reader {
    /// Bytes that may still be unpacked.
    left: u64,
    packages: Vec<Package>,
}

/// `pom.properties`
struct Pom {
    group: SmolStr,
    artifact: SmolStr,
    version: SmolStr,
}

/// A `pom.xml`: its folders are called after the group and the artifact.
struct Project {
    group: String,
    artifact: String,
    number: usize,
}

impl Reader {
    fn archive<R: Read + Seek>(&mut self, from: R, path: &str, depth: u64) -> Result<(), String> {
        let mut archive = ZipArchive::new(from).map_err(|error| format!("{}: {error}", last(path)))?;
        if archive.len() > MAX_ENTRIES {
            return Err(format!("{} has more than {MAX_ENTRIES} entries", last(path)));
        }
        let (mut manifest, mut poms, mut inner, mut projects) = (String::new(), Vec::new(), Vec::new(), Vec::new());
        for number in 0..archive.len() {
            let Some(Ok(name)) = archive.name_for_index(number).map(|name| name.map(std::borrow::Cow::into_owned))
            else {
                continue;
            };
            if name.eq_ignore_ascii_case("META-INF/MANIFEST.MF") {
                manifest = self.text(&mut archive, number)?;
            } else if name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties") {
                poms.extend(pom(&self.text(&mut archive, number)?));
            } else if let Some(project) =
                name.strip_prefix("META-INF/maven/").and_then(|it| it.strip_suffix("/pom.xml"))
            {
                projects.extend(project.split_once('/').map(|(group, artifact)| Project {
                    group: group.to_owned(),
                    artifact: artifact.to_owned(),
                    number,
                }));
            } else if is_archive(&name) {
                inner.push((number, name));
            }
        }
        let manifest = Manifest::parse(&manifest);
        // What a bundle says of itself is its own; of others the description of the project is asked.
        let mut licenses = Vec::new();
        if manifest.license().is_none() {
            for project in &projects {
                let described = model_licenses(&self.text(&mut archive, project.number)?);
                licenses.push((project.artifact.clone(), described));
            }
        }
        self.identify(path, &manifest, poms, &projects, &licenses);
        for (number, name) in inner {
            if depth == 0 {
                return Err(format!("{} has archives inside of archives, deeper than the limit `nesting`", last(path)));
            }
            let bytes = self.read(&mut archive, number, u64::MAX)?;
            self.archive(Cursor::new(bytes), &format!("{path}!{name}"), depth - 1)?;
        }
        Ok(())
    }

    fn read<R: Read + Seek>(
        &mut self,
        archive: &mut ZipArchive<R>,
        number: usize,
        most: u64,
    ) -> Result<Vec<u8>, String> {
        let entry = archive.by_index(number).map_err(|error| error.to_string())?;
        let name = entry.name().map(std::borrow::Cow::into_owned).unwrap_or_default();
        let bound = most.min(self.left);
        let mut bytes = Vec::new();
        let read: io::Result<usize> = entry.take(bound.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| format!("{name}: {error}"))?;
        if bytes.len() as u64 > bound {
            let limit = if bound == most { "of its kind" } else { "`archive`" };
            return Err(format!("{name} is larger than the limit {limit} allows"));
        }
        self.left -= bytes.len() as u64;
        Ok(bytes)
    }

    fn text<R: Read + Seek>(&mut self, archive: &mut ZipArchive<R>, number: usize) -> Result<String, String> {
        Ok(String::from_utf8_lossy(&self.read(archive, number, MAX_DESCRIPTOR)?).into_owned())
    }

    /// The archive itself, and what was put into it file by file (shaded), which has its descriptor there too.
    fn identify(
        &mut self,
        path: &str,
        manifest: &Manifest,
        poms: Vec<Pom>,
        projects: &[Project],
        described: &[(String, Vec<SmolStr>)],
    ) {
        let described = |artifact: &str| -> Vec<SmolStr> {
            described.iter().find(|(known, _)| known == artifact).map(|(_, found)| found.clone()).unwrap_or_default()
        };
        let (stem_name, stem_version) = stem(path);
        let is_own = |pom: &Pom| {
            pom.artifact == stem_name || last(path).starts_with(&format!("{}-{}", pom.artifact, pom.version))
        };
        // The only descriptor is that of the archive, whatever its file is called; unless the file and the manifest agree on
        // another version: then it is of something that was put into it.
        let is_another =
            |pom: &Pom| stem_version.is_some_and(|own| own != pom.version && manifest.version() == Some(own));
        let alone = matches!(poms.as_slice(), [only] if !is_another(only));
        let known = alone || poms.iter().any(is_own);
        for pom in poms {
            let own = Some(manifest.license()).filter(|_| is_own(&pom) || alone).flatten();
            let licenses = own.map_or_else(|| described(&pom.artifact), |own| vec![own]);
            let package = Package::new(PackageKind::Maven, pom.artifact, pom.version, path).with_group(Some(pom.group));
            self.packages.push(package.with_licenses(licenses));
        }
        if known {
            return;
        }
        let name = [stem_name.to_owned(), manifest.name().to_owned()].into_iter().find(|name| !name.is_empty());
        let version = stem_version.or_else(|| manifest.version());
        // Neither its name nor its manifest says a version: nothing could be looked up for it.
        if let (Some(name), Some(version)) = (name, version) {
            let group = projects.iter().find(|project| project.artifact == name).map(|project| project.group.as_str());
            let group = group.or_else(|| manifest.group()).map(SmolStr::from);
            let licenses = manifest.license().map_or_else(|| described(&name), |own| vec![own]);
            let package = Package::new(PackageKind::Maven, name, version, path).with_group(group);
            self.packages.push(package.with_licenses(licenses));
        }
    }
}

fn last(path: &str) -> &str {
    path.rsplit(['/', '!']).next().unwrap_or(path)
}

/// `name-1.2.3.jar` as a name and a version: the version begins at the first `-` that a digit follows.
fn stem(path: &str) -> (&str, Option<&str>) {
    let file = last(path);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let digit = |at: &usize| stem.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
    match stem.match_indices('-').map(|(at, _)| at).find(digit) {
        Some(at) if at > 0 => (&stem[..at], Some(&stem[at + 1..])),
        _ => (stem, None),
    }
}

/// The licences of a project, each by its name, or by its address where it has none (Maven's POM reference, "Licenses"). One that is
/// licensed in several ways lets you choose.
fn model_licenses(text: &str) -> Vec<SmolStr> {
    const LONGEST: usize = 200;
    let inner = |text: &str, tag: &str| -> Option<String> {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        let (inner, _) = rest.split_once(&format!("</{tag}>"))?;
        let inner = inner.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let inner = inner.replace("&amp;", "&").replace("&quot;", "\"").replace("&apos;", "'");
        (!inner.is_empty() && inner.len() <= LONGEST && !inner.contains(['<', '$'])).then_some(inner)
    };
    let Some((_, rest)) = text.split_once("<licenses>") else { return Vec::new() };
    let listed = rest.split_once("</licenses>").map_or("", |(listed, _)| listed);
    let mut names: Vec<String> = Vec::new();
    for license in listed.split("<license>").skip(1) {
        let license = license.split("</license>").next().unwrap_or_default();
        names.extend(inner(license, "name").or_else(|| inner(license, "url")));
    }
    match names.as_slice() {
        [] => Vec::new(),
        [one] => vec![one.into()],
        // Brackets keep a name with an `or` in it whole.
        several => vec![several.iter().map(|name| format!("({name})")).collect::<Vec<_>>().join(" or ").into()],
    }
}

fn pom(text: &str) -> Option<Pom> {
    let get = |key: &str| {
        let value =
            text.lines().filter_map(|line| line.trim().split_once('=')).find(|(name, _)| name.trim() == key)?.1.trim();
        // A place that was not filled in.
        (!value.is_empty() && !value.contains("${")).then(|| SmolStr::new(value))
    };
    Some(Pom { group: get("groupId")?, artifact: get("artifactId")?, version: get("version")? })
}

/// The main section of a manifest.
struct Manifest(Vec<(String, String)>);

impl Manifest {
    /// Lines of at most 72 bytes: one that begins with a space goes on with the one before.
    fn parse(text: &str) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            match (line.strip_prefix(' '), line.split_once(':')) {
                (Some(rest), _) => {
                    if let Some((_, value)) = fields.last_mut() {
                        value.push_str(rest);
                    }
                }
                (None, Some((key, value))) => fields.push((key.trim().to_owned(), value.trim_start().to_owned())),
                // The main section ends at the first empty line.
                (None, None) if line.trim().is_empty() && !fields.is_empty() => break,
                (None, None) => {}
            }
        }
        Self(fields)
    }

    fn get(&self, keys: &[&str]) -> Option<&str> {
        let find =
            |key: &&str| self.0.iter().find(|(name, value)| name.eq_ignore_ascii_case(key) && !value.trim().is_empty());
        // The attributes of a bundle have directives after a `;`.
        keys.iter().find_map(find).map(|(_, value)| value.split(';').next().unwrap_or_default().trim())
    }

    fn name(&self) -> &str {
        self.get(&["Implementation-Title", "Bundle-SymbolicName", "Specification-Title", "Bundle-Name"])
            .unwrap_or_default()
    }

    fn version(&self) -> Option<&str> {
        self.get(&["Implementation-Version", "Bundle-Version", "Specification-Version", "Plugin-Version"])
    }

    fn group(&self) -> Option<&str> {
        let sound = |group: &&str| {
            group.contains('.') && group.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let keys = ["Implementation-Vendor-Id", "Bundle-SymbolicName", "Automatic-Module-Name", "Implementation-Title"];
        keys.iter().filter_map(|key| self.get(&[key])).find(sound)
    }

    fn license(&self) -> Option<SmolStr> {
        self.get(&["Bundle-License"]).filter(|license| license.len() <= 200).map(SmolStr::new)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    pub(in crate::inventory) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    const POM: &str = "META-INF/maven/g/a/pom.properties";

    /// A name, what is in the archive, and what it is.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a [u8])], &'a [&'a str]);

    fn short(packages: &[Package]) -> Vec<String> {
        packages.iter().map(|package| package.purl.clone()).collect()
    }

    #[test]
    fn archives_are_identified() {
        let pom = b"#made\nversion=2.17.1\ngroupId=org.apache.logging.log4j\nartifactId=log4j-core\n".as_slice();
        let other = b"version=1.0\ngroupId=g\nartifactId=shaded\n".as_slice();
        let manifest = b"Manifest-Version: 1.0\r\nImplementation-Version: 9.9\r\nBundle-SymbolicName: org.exa\r\n mple.lib;singleton:=true\r\n\r\nName: x\r\n".as_slice();
        let shading = b"Bundle-SymbolicName: com.google.inject\nBundle-Version: 4.2.3\n".as_slice();
        let cases: [Case<'_>; 8] = [
            ("log4j-core-2.17.1.jar", &[(POM, pom)], &["pkg:maven/org.apache.logging.log4j/log4j-core@2.17.1"]),
            ("renamed.jar", &[(POM, pom)], &["pkg:maven/org.apache.logging.log4j/log4j-core@2.17.1"]),
            (
                "log4j-core-2.17.1.jar",
                &[(POM, pom), ("META-INF/maven/g/shaded/pom.properties", other)],
                &["pkg:maven/org.apache.logging.log4j/log4j-core@2.17.1", "pkg:maven/g/shaded@1.0"],
            ),
            (
                "guice-4.2.3.jar",
                &[("META-INF/MANIFEST.MF", shading), ("META-INF/maven/g/shaded/pom.properties", other)],
                &["pkg:maven/g/shaded@1.0", "pkg:maven/com.google.inject/guice@4.2.3"],
            ),
            ("guava-31.1-jre.jar", &[], &["pkg:maven/guava@31.1-jre"]),
            (
                "guava-31.1.jar",
                &[("META-INF/maven/com.google/guava/pom.xml", b"")],
                &["pkg:maven/com.google/guava@31.1"],
            ),
            ("lib.jar", &[("META-INF/MANIFEST.MF", manifest)], &["pkg:maven/org.example.lib/lib@9.9"]),
            ("lib.jar", &[], &[]),
        ];
        for (name, entries, expected) in cases {
            let bytes = zip(entries);
            assert_eq!(short(&packages(&bytes, name, &Limits::default()).unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn licences_are_those_of_the_bundle_or_of_the_project() {
        let of = |entries: &[(&str, &[u8])]| {
            let found = packages(&zip(entries), "a-1.jar", &Limits::default()).unwrap();
            found.into_iter().flat_map(|package| package.licenses).collect::<Vec<_>>()
        };
        let properties = (POM, b"version=1\ngroupId=g\nartifactId=a\n".as_slice());
        let manifest = b"Bundle-License: Apache-2.0;link=\"https://example.com\"\n".as_slice();
        let model = b"<project><name>x</name><licenses>\n<license><name>Eclipse Public\n License 2.0</name></license>\
                      <license><url>https://example.com/l</url></license></licenses></project>"
            .as_slice();
        let described = ("META-INF/maven/g/a/pom.xml", model);
        assert_eq!(of(&[properties, described]), ["(Eclipse Public License 2.0) or (https://example.com/l)"]);
        assert_eq!(of(&[properties, described, ("META-INF/MANIFEST.MF", manifest)]), ["Apache-2.0"]);
        assert_eq!(of(&[properties]), [] as [SmolStr; 0]);
    }

    #[test]
    fn archives_in_archives_are_read_to_a_depth() {
        let inner = zip(&[(POM, b"version=1\ngroupId=g\nartifactId=a\n")]);
        let war = zip(&[("WEB-INF/lib/a-1.jar", &inner)]);
        let found = packages(&war, "app/app-3.war", &Limits::default()).unwrap();
        assert_eq!(short(&found), ["pkg:maven/app@3", "pkg:maven/g/a@1"]);
        assert_eq!(found[1].evidence, "app/app-3.war!WEB-INF/lib/a-1.jar");
        let deep = (0..6).fold(inner, |inner, _| zip(&[("x-1.jar", &inner)]));
        assert!(packages(&deep, "it.jar", &Limits::default()).unwrap_err().contains("nesting"));
    }

    #[test]
    fn bombs_are_refused() {
        let bomb = zip(&[("x-1.jar", &vec![0; 3 << 20])]);
        let limits = Limits { archive: 1 << 20, ..Limits::default() };
        assert!(packages(&bomb, "it.jar", &limits).unwrap_err().contains("`archive`"));
        let manifest = zip(&[("META-INF/MANIFEST.MF", &vec![b' '; 5 << 20])]);
        assert!(packages(&manifest, "it.jar", &Limits::default()).unwrap_err().contains("larger"));
    }

    proptest! {
        #[test]
        fn nothing_panics(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            text in "[a-zA-Z:=;. \n-]{0,60}",
        ) {
            let mut bytes = zip(&[(POM, b"version=1\ngroupId=g\nartifactId=a\n"), ("META-INF/MANIFEST.MF", text.as_bytes())]);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = packages(&bytes, "it-1.jar", &Limits::default());
            stem(&text);
            pom(&text);
            model_licenses(&format!("<licenses><license>{text}<name>{text}</name>"));
        }
    }
}
