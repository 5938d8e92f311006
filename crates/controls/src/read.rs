//! Reading frameworks out of a value, and checking what they say about each other.
//!
//! `build.rs` reads the YAML files with this and fails on any problem; the library reads the JSON made of them with the
//! same code, which finds nothing any more.

use std::collections::{BTreeMap, HashSet};

use probity_model::node::{Mapping, Node, closest};
use probity_model::{ControlId, Problem, SmolStr, Span};

use crate::framework::{ControlSet, Framework, Requirement, Retired};

/// Longest title, in characters: titles stand in tables.
const MAX_TITLE: usize = 80;

/// A framework, and the places where it names requirements.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) framework: Framework,
    mentions: Vec<Mention>,
    set_ids: Vec<(SmolStr, Option<Span>)>,
}

/// A place that names a requirement, of this framework or another.
#[derive(Debug)]
struct Mention {
    control: ControlId,
    span: Option<Span>,
}

/// Reads one framework. What is wrong inside the lists goes to `problems`, and the rest is read.
///
/// # Errors
/// When the framework's own fields are wrong.
pub(crate) fn framework(root: Node<'_>, problems: &mut Vec<Problem>) -> Result<Reading, Problem> {
    let fields = root.mapping()?;
    fields.only(&["id", "title", "version", "publisher", "source", "requirements", "retired", "sets"])?;
    let id = SmolStr::from(string(&fields, "id")?);
    let version = string(&fields, "version")?.to_owned();
    let mut reader = Reader { framework: &id, version: &version, mentions: Vec::new(), set_ids: Vec::new(), problems };
    let requirements = reader.requirements(fields.required("requirements")?)?;
    let retired = reader.retired(fields.optional("retired"))?;
    let sets = reader.sets(fields.optional("sets"))?;
    let (mentions, set_ids) = (reader.mentions, reader.set_ids);
    let framework = Framework {
        title: string(&fields, "title")?.to_owned(),
        publisher: string(&fields, "publisher")?.to_owned(),
        source: string(&fields, "source")?.to_owned(),
        id,
        version,
        requirements,
        retired,
        sets,
    };
    Ok(Reading { framework, mentions, set_ids })
}

/// Checks what only shows with all frameworks at hand: that the requirements they name exist and that names differ.
pub(crate) fn check(readings: &[Reading]) -> Vec<Problem> {
    let known: BTreeMap<&str, HashSet<&str>> = readings
        .iter()
        .map(|Reading { framework, .. }| {
            let ids = framework.requirements.iter().map(|requirement| requirement.id.requirement.as_str());
            (framework.id.as_str(), ids.collect())
        })
        .collect();
    let mut problems: Vec<Problem> = readings
        .iter()
        .flat_map(|reading| &reading.mentions)
        .filter_map(|mention| unknown_control(&mention.control, mention.span, &known))
        .collect();
    let mut names = HashSet::new();
    for (id, span) in readings.iter().flat_map(|reading| &reading.set_ids) {
        if !names.insert(id) {
            problems.push(Problem::new(format!("a second set with the id `{id}`"), *span));
        }
    }
    problems
}

fn unknown_control(control: &ControlId, span: Option<Span>, known: &BTreeMap<&str, HashSet<&str>>) -> Option<Problem> {
    let Some(requirements) = known.get(control.framework.as_str()) else {
        let names: Vec<&str> = known.keys().copied().collect();
        let problem = Problem::new(format!("there is no framework `{}`", control.framework), span);
        return Some(problem.with_help(format!("frameworks: {}", names.join(", "))));
    };
    if requirements.contains(control.requirement.as_str()) {
        return None;
    }
    let problem = Problem::new(format!("{} has no requirement `{}`", control.framework, control.requirement), span);
    let names: Vec<&str> = requirements.iter().copied().collect();
    Some(match closest(&control.requirement, &names) {
        Some(near) => problem.with_help(format!("did you mean `{near}`?")),
        None => problem,
    })
}

struct Reader<'r> {
    framework: &'r SmolStr,
    version: &'r str,
    mentions: Vec<Mention>,
    set_ids: Vec<(SmolStr, Option<Span>)>,
    problems: &'r mut Vec<Problem>,
}

impl Reader<'_> {
    fn requirements(&mut self, list: Node<'_>) -> Result<Vec<Requirement>, Problem> {
        let mut seen = HashSet::new();
        self.each(Some(list), |reader, node| {
            let requirement = reader.requirement(node)?;
            if seen.insert(requirement.id.clone()) {
                return Ok(requirement);
            }
            Err(node.problem(format!("a second requirement `{}`", requirement.id.requirement)))
        })
    }

    fn requirement(&mut self, node: Node<'_>) -> Result<Requirement, Problem> {
        let fields = node.mapping()?;
        fields.only(&["id", "group", "title", "text", "technical", "crosswalk"])?;
        let id = self.own(string(&fields, "id")?);
        let crosswalk = fields.optional("crosswalk").map(Node::list).transpose()?.unwrap_or_default();
        Ok(Requirement {
            id,
            group: fields.optional("group").map(Node::string).transpose()?.map(SmolStr::from),
            title: title(&fields)?,
            text: string(&fields, "text")?.to_owned(),
            technical: fields.required("technical")?.parse()?,
            crosswalk: self.distinct(crosswalk, Self::foreign)?,
        })
    }

    fn retired(&mut self, list: Option<Node<'_>>) -> Result<Vec<Retired>, Problem> {
        let mut seen = HashSet::new();
        self.each(list, |reader, node| {
            let fields = node.mapping()?;
            fields.only(&["version", "id", "title", "now"])?;
            let version = fields.required("version")?;
            let retired = Retired {
                version: version.string()?.into(),
                id: string(&fields, "id")?.into(),
                title: title(&fields)?,
                now: reader.distinct(fields.required("now")?.list()?, |reader, node| Ok(reader.own(node.string()?)))?,
            };
            if retired.version == reader.version {
                return Err(version.problem("this is the current version, in which nothing is retired"));
            }
            if seen.insert((retired.version.clone(), retired.id.clone())) {
                return Ok(retired);
            }
            Err(node.problem(format!("a second `{}` of version {}", retired.id, retired.version)))
        })
    }

    fn sets(&mut self, list: Option<Node<'_>>) -> Result<Vec<ControlSet>, Problem> {
        self.each(list, |reader, node| {
            let fields = node.mapping()?;
            fields.only(&["id", "title", "requirements"])?;
            let members = fields.required("requirements")?;
            let set = ControlSet {
                id: string(&fields, "id")?.into(),
                title: title(&fields)?,
                requirements: reader.distinct(members.list()?, |reader, node| Ok(reader.own(node.string()?)))?,
            };
            if set.requirements.is_empty() {
                return Err(members.problem("a set without requirements"));
            }
            reader.set_ids.push((set.id.clone(), node.span));
            Ok(set)
        })
    }

    /// Reads the elements of a list that may be left out; those that are wrong become problems.
    fn each<T>(
        &mut self,
        list: Option<Node<'_>>,
        mut read: impl FnMut(&mut Self, Node<'_>) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        let mut all = Vec::new();
        for node in list.map(Node::list).transpose()?.unwrap_or_default() {
            match read(self, node) {
                Ok(element) => all.push(element),
                Err(problem) => self.problems.push(problem),
            }
        }
        Ok(all)
    }

    /// Reads mentions of requirements, none of them twice, and keeps them to be checked.
    fn distinct(
        &mut self,
        nodes: Vec<Node<'_>>,
        read: impl Fn(&Self, Node<'_>) -> Result<ControlId, Problem>,
    ) -> Result<Vec<ControlId>, Problem> {
        let mut controls = Vec::new();
        for node in nodes {
            let control = read(self, node)?;
            if controls.contains(&control) {
                return Err(node.problem(format!("`{}` stands here twice", control.requirement)));
            }
            self.mentions.push(Mention { control: control.clone(), span: node.span });
            controls.push(control);
        }
        Ok(controls)
    }

    fn own(&self, requirement: &str) -> ControlId {
        ControlId { framework: self.framework.clone(), requirement: requirement.into() }
    }

    fn foreign(&self, node: Node<'_>) -> Result<ControlId, Problem> {
        let control: ControlId = node.parse()?;
        if control.framework == *self.framework {
            return Err(node.problem("a crosswalk leads to other frameworks, not to this one"));
        }
        Ok(control)
    }
}

fn title(fields: &Mapping<'_>) -> Result<String, Problem> {
    let title = string(fields, "title")?;
    match title.chars().count() {
        0..=MAX_TITLE => Ok(title.to_owned()),
        length => {
            Err(fields.required("title")?.problem(format!("a title of {length} characters; shorten it to {MAX_TITLE}")))
        }
    }
}

/// A text that says something. Numbers are refused: an id such as `1.10` is only kept as written in quotes.
fn string<'a>(fields: &Mapping<'a>, name: &str) -> Result<&'a str, Problem> {
    let node = fields.required(name)?;
    match node.string()?.trim() {
        "" => Err(node.problem(format!("`{name}` is empty"))),
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use probity_model::Sources;
    use probity_model::yaml::{self, Dialect};

    use super::*;

    const HEAD: &str = "id: own\ntitle: Own\nversion: '2'\npublisher: Us\nsource: Here\n";
    const A1: &str = "{id: A.1, title: T, text: X, technical: fully}";

    /// The problems with a framework next to one called `other` that has the requirement `B.1`, one a line.
    fn problems(text: &str) -> String {
        let sources = Sources::default();
        let other = format!("{HEAD}requirements: [{A1}]\nsets: [{{id: taken, title: T, requirements: [B.1]}}]\n")
            .replace("own", "other")
            .replace("A.1", "B.1");
        let mut problems = Vec::new();
        let mut readings = Vec::new();
        for (name, text) in [("other.yaml", other.as_str()), ("own.yaml", text)] {
            let documents = yaml::read(text, sources.add(name, text), Dialect::Core).unwrap();
            match framework(Node::root(&documents[0].value, documents[0].span), &mut problems) {
                Ok(reading) => readings.push(reading),
                Err(problem) => problems.push(problem),
            }
        }
        problems.extend(check(&readings));
        let lines: Vec<String> = problems.iter().map(|problem| problem.display(&sources, Path::new("?"))).collect();
        lines.join("\n")
    }

    #[test]
    fn a_complete_framework_has_no_problems() {
        let text = format!(
            "{HEAD}requirements:\n  - {A1}\n  - {{id: A.2, group: A, title: T, text: X, technical: 'no', crosswalk: ['other:B.1']}}\n\
             retired: [{{version: '1', id: A.1, title: T, now: [A.2]}}, {{version: '1', id: Z, title: T, now: []}}]\n\
             sets: [{{id: both, title: T, requirements: [A.1, A.2]}}]\n"
        );
        assert_eq!(problems(&text), "");
    }

    #[test]
    fn every_slip_is_named_with_its_place() {
        for (rest, expected) in [
            ("", "own.yaml:1:1: missing field `requirements`"),
            ("requirements: []\nreqired: []", "own.yaml:7:1: unknown field `reqired` (did you mean `retired`?)"),
            ("requirements: {}", "own.yaml:6:1: expected a list, found a object"),
            (
                "requirements: [{id: 1.10, title: T, text: X, technical: fully}]",
                "own.yaml:6:17: expected a string, found a number",
            ),
            ("requirements: [{id: A.1, title: T, technical: fully}]", "own.yaml:6:16: missing field `text`"),
            ("requirements: [{id: A.1, title: T, text: ' ', technical: fully}]", "own.yaml:6:36: `text` is empty"),
            (
                "requirements: [{id: A.1, title: T, text: X, technical: maybe}]",
                "own.yaml:6:45: `technical` is fully, partly or no, not `maybe`",
            ),
            (&format!("requirements: [{A1}, {A1}]"), "own.yaml:6:64: a second requirement `A.1`"),
            (
                "requirements: [{id: A.1, title: T, text: X, technical: fully, crosswalk: [other:B.2]}]",
                "own.yaml:6:75: other has no requirement `B.2` (did you mean `B.1`?)",
            ),
            (
                "requirements: [{id: A.1, title: T, text: X, technical: fully, crosswalk: [another:B.1]}]",
                "own.yaml:6:75: there is no framework `another` (frameworks: other, own)",
            ),
            (
                "requirements: [{id: A.1, title: T, text: X, technical: fully, crosswalk: [B.1]}]",
                "own.yaml:6:75: `B.1` is not a control; write framework:requirement, such as soc2:CC6.1",
            ),
            (
                "requirements: [{id: A.1, title: T, text: X, technical: fully, crosswalk: [own:A.1]}]",
                "own.yaml:6:75: a crosswalk leads to other frameworks, not to this one",
            ),
            (
                "requirements: [{id: A.1, title: T, text: X, technical: fully, crosswalk: [other:B.1, other:B.1]}]",
                "own.yaml:6:86: `B.1` stands here twice",
            ),
            (
                &format!("requirements: [{A1}]\nretired: [{{version: '1', id: A, title: T, now: [A.3]}}]"),
                "own.yaml:7:49: own has no requirement `A.3` (did you mean `A.1`?)",
            ),
            (
                &format!("requirements: [{A1}]\nretired: [{{version: '2', id: A, title: T, now: [A.1]}}]"),
                "own.yaml:7:12: this is the current version, in which nothing is retired",
            ),
            (
                &format!(
                    "requirements: [{A1}]\nretired: [{{version: '1', id: A, title: T, now: [A.1]}}, {{version: '1', id: A, title: T, now: [A.1]}}]"
                ),
                "own.yaml:7:56: a second `A` of version 1",
            ),
            (
                &format!("requirements: [{A1}]\nsets: [{{id: s, title: T, requirements: [XYZ]}}]"),
                "own.yaml:7:41: own has no requirement `XYZ`",
            ),
            (
                &format!("requirements: [{A1}]\nsets: [{{id: s, title: T, requirements: []}}]"),
                "own.yaml:7:26: a set without requirements",
            ),
            (
                &format!("requirements: [{A1}]\nsets: [{{id: taken, title: T, requirements: [A.1]}}]"),
                "own.yaml:7:8: a second set with the id `taken`",
            ),
        ] {
            assert_eq!(problems(&format!("{HEAD}{rest}\n")), expected, "{rest}");
        }
        let long = format!("requirements: [{{id: A.1, title: {}, text: X, technical: fully}}]", "t".repeat(81));
        assert_eq!(problems(&format!("{HEAD}{long}\n")), "own.yaml:6:26: a title of 81 characters; shorten it to 80");
    }

    #[test]
    fn one_slip_does_not_hide_the_next() {
        let text = format!("{HEAD}requirements:\n  - {{id: A.1}}\n  - {A1}\n  - {{id: A.2, titel: T}}\n");
        assert_eq!(
            problems(&text),
            "own.yaml:7:5: missing field `title`\nown.yaml:9:15: unknown field `titel` (did you mean `title`?)"
        );
    }
}
