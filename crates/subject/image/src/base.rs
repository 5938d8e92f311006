//! Base images: recognised by the layers that an image begins with.

use jiff::civil::Date;
use probity_model::Value;

use crate::digest::Digest;

/// A release of a base image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The line it is of, such as `debian:12-slim`. Releases of one name follow each other.
    pub name: String,
    /// The digests of its layers unpacked, the lowest first.
    pub layers: Vec<Digest>,
    /// The digest of its manifest or index, when it is known.
    pub digest: Option<Digest>,
    /// The day on which it was released.
    pub date: Date,
    /// What is in it, as package URLs; empty when the list does not say.
    pub packages: Vec<String>,
}

/// The base images that are approved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bases(Vec<Base>);

/// A list of base images is not of its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BasesError(String);

/// The base that an image was found to stand on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseMatch {
    /// The release.
    pub base: Base,
    /// The newest release of the same name, when that is another.
    pub newer: Option<Base>,
}

impl Bases {
    /// Reads a list of releases. Each has a `name`, `layers` (digests of the layers unpacked, the `diff_ids` of its configuration), a
    /// `date` and, when they are known, a `digest` and `packages`.
    ///
    /// ```yaml
    /// - name: debian:12-slim
    ///   date: 2026-10-01
    ///   digest: sha256:…
    ///   layers: [sha256:…]
    ///   packages: ["pkg:deb/debian/libssl3@3.0.15-1?distro=debian-12&upstream=openssl"]
    /// ```
    ///
    /// # Errors
    /// When a release lacks something or has something that is not of its form; the error names it.
    pub fn from_value(value: &Value) -> Result<Self, BasesError> {
        let releases =
            value.as_array().ok_or_else(|| BasesError("a list of base images is a list of releases".to_owned()))?;
        let release = |(number, release): (usize, &Value)| {
            release_of(release).map_err(|why| BasesError(format!("release {}: {why}", number + 1)))
        };
        releases.iter().enumerate().map(release).collect::<Result<_, _>>().map(Self)
    }

    /// The base with the most layers of those that an image of these layers begins with.
    pub fn find(&self, diff_ids: &[Digest]) -> Option<BaseMatch> {
        let stands_on = |base: &&Base| diff_ids.starts_with(&base.layers);
        let base = self.0.iter().filter(stands_on).max_by_key(|base| (base.layers.len(), base.date))?;
        let newest = self.0.iter().filter(|other| other.name == base.name).max_by_key(|other| other.date);
        let newer = newest.filter(|newest| newest.date > base.date).cloned();
        Some(BaseMatch { base: base.clone(), newer })
    }
}

impl Base {
    /// Days since it was released.
    pub fn age(&self, today: Date) -> i64 {
        self.date.until(today).map_or(0, |span| span.get_days().into())
    }
}

fn release_of(release: &Value) -> Result<Base, String> {
    const KNOWN: [&str; 5] = ["name", "date", "digest", "layers", "packages"];
    let fields = release.as_object().ok_or("it is no mapping")?;
    if let Some((other, _)) = fields.iter().find(|(key, _)| !KNOWN.contains(&key.as_str())) {
        return Err(format!("it has `{}`; a release has {}", other.as_str(), KNOWN.join(", ")));
    }
    let name = release.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()).ok_or("it has no `name`")?;
    let digest = |value: &Value| -> Result<Digest, String> {
        value.as_str().unwrap_or_default().parse().map_err(|error: crate::ParseDigestError| error.to_string())
    };
    let layers = release.get("layers").and_then(Value::as_array).ok_or("it has no list of `layers`")?;
    let layers = layers.iter().map(digest).collect::<Result<Vec<_>, _>>()?;
    // What has no layers is what every image stands on.
    if layers.is_empty() {
        return Err("its list of `layers` is empty".to_owned());
    }
    let date = release.get("date").and_then(Value::as_str).ok_or("it has no `date`")?;
    let date = date.parse().map_err(|_| format!("its date `{date}` is no day such as 2026-10-01"))?;
    let digest = release.get("digest").map(digest).transpose()?;
    let packages = release.get("packages").map(packages).transpose()?.unwrap_or_default();
    Ok(Base { name: name.to_owned(), layers, digest, date, packages })
}

fn packages(list: &Value) -> Result<Vec<String>, String> {
    const WRONG: &str = "its `packages` are a list of package URLs";
    let package = |package: &Value| package.as_str().filter(|url| url.starts_with("pkg:")).map(str::to_owned);
    list.as_array().ok_or(WRONG)?.iter().map(package).collect::<Option<_>>().ok_or_else(|| WRONG.to_owned())
}

#[cfg(test)]
mod tests {
    use probity_model::json;

    use super::*;

    fn layer(number: u8) -> Digest {
        Digest::sha256(&[number])
    }

    fn bases() -> Bases {
        let text = format!(
            r#"[{{"name":"debian:12","date":"2026-09-01","layers":["{0}"]}},
                {{"name":"debian:12","date":"2026-10-01","layers":["{1}"],"digest":"{1}"}},
                {{"name":"python:3","date":"2026-09-05","layers":["{0}","{2}"]}}]"#,
            layer(0),
            layer(1),
            layer(2)
        );
        Bases::from_value(&json::read(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn the_longest_base_counts_and_the_newest_is_named() {
        let find = |layers: &[u8]| bases().find(&layers.iter().map(|number| layer(*number)).collect::<Vec<_>>());
        let name = |found: Option<BaseMatch>| {
            found.map(|found| (found.base.name, found.newer.map(|newer| newer.date.to_string())))
        };
        assert_eq!(name(find(&[0, 9])), Some(("debian:12".into(), Some("2026-10-01".into()))));
        assert_eq!(name(find(&[0, 2, 9])), Some(("python:3".into(), None)));
        assert_eq!(name(find(&[1])), Some(("debian:12".into(), None)));
        assert_eq!(name(find(&[9, 0])), None);
        assert_eq!(name(find(&[])), None);
    }

    #[test]
    fn days_are_counted() {
        let base = bases().find(&[layer(1)]).unwrap().base;
        assert_eq!(base.age("2026-11-27".parse().unwrap()), 57);
    }

    #[test]
    fn lists_that_are_wrong_are_told() {
        for (text, part) in [
            ("{}", "list of releases"),
            ("[1]", "no mapping"),
            (r#"[{"layers":[]}]"#, "no `name`"),
            (r#"[{"name":"a","base":1}]"#, "it has `base`"),
            (r#"[{"name":"a"}]"#, "layers"),
            (r#"[{"name":"a","layers":[],"date":"2026-01-01"}]"#, "empty"),
            (r#"[{"name":"a","layers":["x"],"date":"2026-01-01"}]"#, "no digest"),
            (&format!(r#"[{{"name":"a","layers":["{}"],"date":"1.1."}}]"#, layer(0)), "no day"),
            (
                &format!(r#"[{{"name":"a","layers":["{}"],"date":"2026-01-01","packages":["bash"]}}]"#, layer(0)),
                "package URLs",
            ),
        ] {
            let error = Bases::from_value(&json::read(text.as_bytes()).unwrap()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
