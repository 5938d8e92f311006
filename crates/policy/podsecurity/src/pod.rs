//! Pods as the checks look at them.

use std::fmt;
use std::sync::LazyLock;

use probity_model::Value;
use probity_model::value::Object;

/// A field that has another type than the API says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: expected {expected}, found a {found}")]
pub struct TypeError {
    /// Where it stands.
    pub path: String,
    /// What it must be.
    pub expected: &'static str,
    /// What it is.
    pub found: &'static str,
}

static NOTHING: LazyLock<Object> = LazyLock::new(Object::default);

/// A Pod, or the template of one: annotations, spec and containers.
#[derive(Debug, Clone)]
pub struct Pod<'v> {
    pub(crate) annotations: &'v Object,
    pub(crate) spec: Fields<'v>,
    pub(crate) lists: [Vec<Container<'v>>; 3],
}

/// Names of the lists of containers, in the order in which they are looked at.
pub(crate) const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// A container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Container<'v> {
    pub(crate) name: &'v str,
    pub(crate) image: &'v str,
    pub(crate) fields: Fields<'v>,
    /// `securityContext`, when it is there.
    pub(crate) security: Option<Fields<'v>>,
}

/// Most names on the way to a field.
const MAX_PARTS: usize = 6;

/// The way to an object: names, each perhaps with an index. It is written out only when something is wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    parts: [(&'static str, Option<usize>); MAX_PARTS],
    length: usize,
}

impl Path {
    fn root(name: &'static str) -> Self {
        Self { parts: [(name, None); MAX_PARTS], length: 1 }
    }

    fn then(mut self, name: &'static str, index: Option<usize>) -> Self {
        if let Some(part) = self.parts.get_mut(self.length) {
            *part = (name, index);
            self.length += 1;
        }
        self
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, index)) in self.parts[..self.length].iter().enumerate() {
            f.write_str(if position == 0 { "" } else { "." })?;
            f.write_str(name)?;
            if let Some(index) = index {
                write!(f, "[{index}]")?;
            }
        }
        Ok(())
    }
}

/// The fields of an object, with the way to it for errors of type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'v> {
    object: &'v Object,
    path: Path,
}

impl<'v> Fields<'v> {
    pub(crate) fn new(value: &'v Value, path: Path) -> Result<Self, TypeError> {
        match value {
            Value::Object(object) => Ok(Self { object, path }),
            other => Err(TypeError { path: path.to_string(), expected: "a mapping", found: other.kind() }),
        }
    }

    pub(crate) fn nothing(path: Path) -> Self {
        Self { object: &NOTHING, path }
    }

    /// The field, when it is there and not null.
    pub(crate) fn get(&self, name: &str) -> Option<&'v Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, expected: &'static str, value: &Value) -> TypeError {
        TypeError { path: format!("{}.{name}", self.path), expected, found: value.kind() }
    }

    pub(crate) fn fields(&self, name: &'static str) -> Result<Option<Self>, TypeError> {
        self.get(name).map(|value| Self::new(value, self.path.then(name, None))).transpose()
    }

    pub(crate) fn list(&self, name: &'static str) -> Result<&'v [Value], TypeError> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(array)) => Ok(array.as_slice()),
            Some(other) => Err(self.wrong(name, "a list", other)),
        }
    }

    /// The elements of a list of objects.
    pub(crate) fn objects(&self, name: &'static str) -> Result<Vec<Self>, TypeError> {
        let element = |(index, value)| Self::new(value, self.path.then(name, Some(index)));
        self.list(name)?.iter().enumerate().map(element).collect()
    }

    pub(crate) fn texts(&self, name: &'static str) -> Result<Vec<&'v str>, TypeError> {
        let text = |value: &'v Value| value.as_str().ok_or_else(|| self.wrong(name, "a list of strings", value));
        self.list(name)?.iter().map(text).collect()
    }

    pub(crate) fn text(&self, name: &'static str) -> Result<Option<&'v str>, TypeError> {
        let text = |value: &'v Value| value.as_str().ok_or_else(|| self.wrong(name, "a string", value));
        self.get(name).map(text).transpose()
    }

    pub(crate) fn boolean(&self, name: &'static str) -> Result<Option<bool>, TypeError> {
        let boolean = |value: &Value| value.as_bool().ok_or_else(|| self.wrong(name, "true or false", value));
        self.get(name).map(boolean).transpose()
    }

    pub(crate) fn integer(&self, name: &'static str) -> Result<Option<i64>, TypeError> {
        let integer = |value: &Value| {
            let number = value.as_number().and_then(probity_model::Number::as_i64);
            number.ok_or_else(|| self.wrong(name, "an integer", value))
        };
        self.get(name).map(integer).transpose()
    }
}

impl<'v> Container<'v> {
    fn read(fields: Fields<'v>) -> Result<Self, TypeError> {
        let name = fields.text("name")?.unwrap_or_default();
        let image = fields.text("image")?.unwrap_or_default();
        let security = fields.fields("securityContext")?;
        Ok(Self { name, image, fields, security })
    }

    fn fake() -> Self {
        Self {
            name: "fake",
            image: "",
            fields: Fields::nothing(Path::root("spec").then("containers", Some(0))),
            security: None,
        }
    }
}

impl<'v> Pod<'v> {
    /// A Pod of its metadata, if there is any, and its spec.
    ///
    /// # Errors
    /// When a field that is looked at has another type than it must have.
    pub fn read(metadata: Option<&'v Value>, spec: &'v Value) -> Result<Self, TypeError> {
        let spec = Fields::new(spec, Path::root("spec"))?;
        let metadata = metadata.filter(|metadata| !metadata.is_null());
        let metadata = metadata.map(|metadata| Fields::new(metadata, Path::root("metadata"))).transpose()?;
        let annotations = metadata.map(|metadata| metadata.fields("annotations")).transpose()?.flatten();
        let list =
            |name: &'static str| spec.objects(name)?.into_iter().map(Container::read).collect::<Result<Vec<_>, _>>();
        let [first, second, third] = LISTS;
        let lists = [list(first)?, list(second)?, list(third)?];
        Ok(Self { annotations: annotations.map_or(&NOTHING, |annotations| annotations.object), spec, lists })
    }

    /// The Pod that an object is or makes; `None` for kinds that make none.
    ///
    /// A `CronJob`'s Pod has the metadata of the job, as Kyverno takes it.
    ///
    /// # Errors
    /// As [`Pod::read`].
    pub fn of(object: &'v Value) -> Result<Option<Self>, TypeError> {
        let (metadata, spec): (&[&str], &[&str]) = match object.get("kind").and_then(Value::as_str) {
            Some("Pod") => (&["metadata"], &["spec"]),
            Some("DaemonSet" | "Deployment" | "Job" | "StatefulSet" | "ReplicaSet" | "ReplicationController") => {
                (&["spec", "template", "metadata"], &["spec", "template", "spec"])
            }
            Some("CronJob") => {
                (&["spec", "jobTemplate", "metadata"], &["spec", "jobTemplate", "spec", "template", "spec"])
            }
            _ => return Ok(None),
        };
        match object.at(spec).filter(|spec| !spec.is_null()) {
            Some(spec) => Self::read(object.at(metadata), spec).map(Some),
            None => Ok(Some(Self::empty())),
        }
    }

    pub(crate) fn empty() -> Self {
        Self { annotations: &NOTHING, spec: Fields::nothing(Path::root("spec")), lists: Default::default() }
    }

    /// The same Pod with a single container that says nothing: what is left is what the Pod itself says.
    pub(crate) fn without_containers(&self) -> Self {
        Self { lists: [Vec::new(), vec![Container::fake()], Vec::new()], ..*self }
    }

    /// A Pod of those containers whose image matches, and nothing else.
    pub(crate) fn of_containers(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let kept = |list: &Vec<Container<'v>>| list.iter().filter(|one| wanted(one.image)).copied().collect();
        Self { lists: [kept(&self.lists[0]), kept(&self.lists[1]), kept(&self.lists[2])], ..Self::empty() }
    }

    /// Every container with the path to it.
    pub(crate) fn containers(&self) -> impl Iterator<Item = (&Container<'v>, Path)> {
        LISTS.iter().zip(&self.lists).flat_map(|(name, list)| {
            list.iter().enumerate().map(move |(index, one)| (one, Path::root("spec").then(name, Some(index))))
        })
    }

    /// The way to its spec.
    pub(crate) fn path(&self) -> Path {
        self.spec.path
    }

    /// `spec.securityContext`, when it is there.
    pub(crate) fn security(&self) -> Result<Option<Fields<'v>>, TypeError> {
        self.spec.fields("securityContext")
    }

    /// Whether it says that it runs on Windows.
    pub(crate) fn is_windows(&self) -> Result<bool, TypeError> {
        let name = self.spec.fields("os")?.map(|os| os.text("name")).transpose()?.flatten();
        Ok(name == Some("windows"))
    }
}
