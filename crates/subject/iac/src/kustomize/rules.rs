//! Which fields the transformations reach: what is built in, and what `configurations` and `crds` add.

use std::rc::Rc;

use probity_model::Problem;

use super::definition::Fields;
use super::edit::Outcome;
use super::fields::FieldSpec;
use super::order;
use super::resource::Gvk;

const TABLE: &str = include_str!("rules.txt");

/// The names of the lists, as `configurations` have them.
const LISTS: [&str; 10] = [
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "templateLabels",
    "commonAnnotations",
    "images",
    "replicas",
    "varReference",
];

/// Fields by transformation.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    lists: [Vec<FieldSpec>; LISTS.len()],
    /// Kinds of objects, with the fields that hold their names.
    pub(super) names: Vec<(Gvk, Vec<FieldSpec>)>,
}

impl Rules {
    /// What kustomize has built in.
    pub(super) fn builtin() -> Rc<Self> {
        thread_local! {
            static BUILTIN: Rc<Rules> = Rc::new(Rules::of_table(TABLE));
        }
        BUILTIN.with(Rc::clone)
    }

    fn of_table(table: &str) -> Self {
        let mut rules = Self::default();
        let mut current = "";
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if !line.starts_with(' ') {
                current = line;
                continue;
            }
            let (create, rest) = match words.as_slice() {
                ["create", rest @ ..] => (true, rest),
                rest => (false, rest),
            };
            let [gvks, paths] = rest else { continue };
            for (gvk, path) in
                alternatives(gvks).iter().flat_map(|gvk| alternatives(paths).into_iter().map(move |path| (gvk, path)))
            {
                rules.add_row(current, &FieldSpec { gvk: gvk_of(gvk), path, create });
            }
        }
        let empty = Self::default();
        empty.merged(&rules).unwrap_or(rules)
    }

    fn add_row(&mut self, rule: &str, spec: &FieldSpec) {
        match rule.split_once(' ') {
            Some(("names", gvks)) => {
                for gvk in alternatives(gvks) {
                    let gvk = gvk_of(&gvk);
                    match self.names.iter_mut().find(|(known, _)| *known == gvk) {
                        Some((_, specs)) => specs.push(spec.clone()),
                        None => self.names.push((gvk, vec![spec.clone()])),
                    }
                }
            }
            _ => rule.split(' ').for_each(|name| self.list_mut(name).push(spec.clone())),
        }
    }

    /// The fields of a transformation, by its name in `configurations`.
    pub(super) fn list(&self, name: &str) -> &[FieldSpec] {
        LISTS.iter().position(|known| *known == name).map_or(&[], |at| &self.lists[at])
    }

    pub(super) fn list_mut(&mut self, name: &str) -> &mut Vec<FieldSpec> {
        let at = LISTS.iter().position(|known| *known == name).unwrap_or_default();
        &mut self.lists[at]
    }

    /// Reads a file of `configurations`.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Problem> {
        let mut rules = Self::default();
        for name in LISTS {
            *rules.list_mut(name) = fields.field_specs(name)?;
        }
        for reference in fields.list("nameReference")? {
            rules.names.push((reference.gvk()?, reference.field_specs("fieldSpecs")?));
        }
        Ok(rules)
    }

    /// Both together.
    pub(super) fn merged(&self, other: &Self) -> Outcome<Self> {
        let mut merged = self.clone();
        for (own, new) in merged.lists.iter_mut().zip(&other.lists) {
            merge(own, new)?;
            own.sort_by(|a, b| order::compare_kinds(&a.gvk, &b.gvk));
        }
        for (gvk, specs) in &other.names {
            match merged.names.iter_mut().find(|(known, _)| known == gvk) {
                Some((_, own)) => merge(own, specs)?,
                None => merged.names.push((gvk.clone(), specs.clone())),
            }
        }
        merged.names.sort_by(|a, b| order::compare_kinds(&a.0, &b.0));
        Ok(merged)
    }
}

/// Both together, where those that are one are shared.
pub(super) fn merged(own: &Rc<Rules>, other: &Rc<Rules>) -> Outcome<Rc<Rules>> {
    if Rc::ptr_eq(own, other) { Ok(Rc::clone(own)) } else { own.merged(other).map(Rc::new) }
}

/// Adds fields; one that is there for all the kinds of a new one serves for it.
pub(super) fn merge(own: &mut Vec<FieldSpec>, new: &[FieldSpec]) -> Outcome<()> {
    for spec in new {
        match own.iter().find(|known| known.gvk.is_selected(&spec.gvk) && known.path == spec.path) {
            Some(known) if known.create != spec.create => {
                return Err(format!("conflicting field specs for `{}`", spec.path));
            }
            Some(_) => {}
            None => own.push(spec.clone()),
        }
    }
    Ok(())
}

fn gvk_of(text: &str) -> Gvk {
    let mut parts = text.splitn(3, '/').map(|part| if part == "-" { String::new() } else { part.replace('|', "/") });
    let mut next = || parts.next().unwrap_or_default();
    Gvk { group: next(), version: next(), kind: next() }
}

/// What a text with `{a,b}` stands for.
fn alternatives(text: &str) -> Vec<String> {
    let Some((before, rest)) = text.split_once('{') else { return vec![text.to_owned()] };
    let (inner, after) = rest.split_once('}').unwrap_or((rest, ""));
    let ends = alternatives(after);
    inner.split(',').flat_map(|part| ends.iter().map(move |end| format!("{before}{part}{end}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        let rules = Rules::builtin();
        let sizes: Vec<usize> = LISTS.iter().map(|name| rules.list(name).len()).collect();
        assert_eq!(sizes, [1, 1, 3, 32, 0, 10, 9, 6, 4, 72]);
        assert_eq!(rules.names.len(), 16);
        assert_eq!(rules.names.iter().map(|(_, specs)| specs.len()).sum::<usize>(), 166);
    }
}
