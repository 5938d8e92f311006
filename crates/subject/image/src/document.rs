//! What policies see of an image.

use jiff::civil::Date;
use probity_model::Value;

use crate::base::{Base, BaseMatch};
use crate::config::{Config, Step};
use crate::image::{FileProblem, Image, Layer};
use crate::inventory::Os;
use crate::package::Package;
use crate::platform::Platform;
use crate::reference::Reference;

impl Image {
    /// What policies see. All fields are there in every image; what an image does not have is `null`, and a list of nothing is
    /// empty.
    ///
    /// - `reference`: `text`, `registry`, `host` (lower case, without the port), `port`, `repository`, `tag`, `digest`
    /// - `digest` (of the manifest), `index_digest`, `id` (of the configuration), `media_type`, `annotations`
    /// - `platform`: `text`, `os`, `architecture`, `variant`; `platforms`: texts
    /// - `created`, `age_days` (until `today`), `author`
    /// - `config`: `user`, `root` (whether it is run as root), `entrypoint`, `cmd`, `exposed_ports` (`8080/tcp`), `env` (by name),
    ///   `labels`, `working_dir`, `volumes`, `stop_signal`, `healthcheck`
    /// - `history`: `created`, `created_by`, `comment`, `empty_layer`
    /// - `layers`: `index`, `digest`, `diff_id`, `media_type`, `size`, `unpacked_size`, `entries`, `created_by`, `from_base`
    /// - `os`: `id`, `like`, `version`, `codename`, `name`, `pretty`, `variant`
    /// - `base`: `name`, `digest`, `date`, `age_days`, `layers` (their number), `newer` (`digest` and `date`, or `null`)
    /// - `packages`: `type`, `name`, `group`, `version`, `purl`, `source` (`name`, `version`), `architecture`, `licenses`, `declared`
    ///   (named by a lock file only), `layer`, `from_base`, `evidence`, `owner` (the package of the distribution that the file of
    ///   evidence is of), `files` (their number)
    /// - `files` (their number), `setuid_files`, `special_files`
    /// - `problems`: `path`, `layer`, `message` of files that were not understood: what is in them is not known
    pub fn document(&self, today: Date) -> Value {
        let base_layers = self.base.as_ref().map_or(0, |found| found.base.layers.len());
        let layers = self.layers.iter().enumerate().map(|(at, layer)| layer_value(at, layer, at < base_layers));
        let packages = self.packages.iter().map(|package| package_value(package, package.layer < base_layers));
        Value::object([
            ("reference", self.reference.as_ref().map_or(Value::Null, reference)),
            ("digest", optional(self.digest.as_ref())),
            ("index_digest", optional(self.index.as_ref())),
            ("id", text(&self.id)),
            ("media_type", text(&self.media_type)),
            ("annotations", Value::object(self.annotations.iter().map(|(key, value)| (key, text(value))))),
            ("platform", platform(&self.platform)),
            ("platforms", texts(&self.platforms)),
            ("created", optional(self.config.created.as_ref())),
            ("age_days", self.age(today).map_or(Value::Null, Value::from)),
            ("author", optional(self.config.author.as_ref())),
            ("config", config(&self.config)),
            ("history", Value::array(self.config.history.iter().map(step))),
            ("layers", Value::array(layers)),
            ("os", self.os.as_ref().map_or(Value::Null, os)),
            ("base", self.base.as_ref().map_or(Value::Null, |found| base(found, today))),
            ("packages", Value::array(packages)),
            ("files", count(self.files as u64)),
            ("setuid_files", texts(&self.setuid)),
            ("special_files", texts(&self.special)),
            ("problems", Value::array(self.problems.iter().map(problem))),
        ])
    }

    /// Days since it was built, as it says. `None` when it says nothing that is a day.
    pub fn age(&self, today: Date) -> Option<i64> {
        let day: Date = self.config.created.as_deref()?.get(..10)?.parse().ok()?;
        Some(day.until(today).ok()?.get_days().into())
    }
}

fn text(value: &impl ToString) -> Value {
    Value::from(value.to_string())
}

fn optional(value: Option<&impl ToString>) -> Value {
    value.map_or(Value::Null, text)
}

fn texts<'a, T: ToString + 'a>(values: impl IntoIterator<Item = &'a T>) -> Value {
    Value::array(values.into_iter().map(text))
}

fn count(value: u64) -> Value {
    Value::from(i64::try_from(value).unwrap_or(i64::MAX))
}

fn reference(reference: &Reference) -> Value {
    Value::object([
        ("text", text(reference)),
        ("registry", reference.registry().into()),
        ("host", reference.host().into()),
        ("port", optional(reference.port().as_ref())),
        ("repository", reference.repository().into()),
        ("tag", optional(reference.tag().as_ref())),
        ("digest", optional(reference.digest())),
    ])
}

fn platform(platform: &Platform) -> Value {
    Value::object([
        ("text", text(platform)),
        ("os", text(&platform.os)),
        ("architecture", text(&platform.architecture)),
        ("variant", optional(platform.variant.as_ref())),
    ])
}

fn config(config: &Config) -> Value {
    // Of a name that is there twice the last counts, as for a process.
    let env = config.env.iter().map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    Value::object([
        ("user", text(&config.user)),
        ("root", config.is_root().into()),
        ("entrypoint", texts(&config.entrypoint)),
        ("cmd", texts(&config.cmd)),
        ("exposed_ports", texts(&config.exposed_ports)),
        ("env", Value::object(env.map(|(name, value)| (name, Value::from(value))))),
        ("labels", Value::object(config.labels.iter().map(|(key, value)| (key, text(value))))),
        ("working_dir", optional(config.working_dir.as_ref())),
        ("volumes", texts(&config.volumes)),
        ("stop_signal", optional(config.stop_signal.as_ref())),
        ("healthcheck", config.healthcheck.into()),
    ])
}

fn step(step: &Step) -> Value {
    Value::object([
        ("created", optional(step.created.as_ref())),
        ("created_by", optional(step.created_by.as_ref())),
        ("comment", optional(step.comment.as_ref())),
        ("empty_layer", step.empty_layer.into()),
    ])
}

fn layer_value(at: usize, layer: &Layer, from_base: bool) -> Value {
    Value::object([
        ("index", count(at as u64)),
        ("digest", optional(layer.digest.as_ref())),
        ("diff_id", text(&layer.diff_id)),
        ("media_type", text(&layer.media_type)),
        ("size", count(layer.size)),
        ("unpacked_size", count(layer.unpacked)),
        ("entries", count(layer.entries as u64)),
        ("created_by", optional(layer.created_by.as_ref())),
        ("from_base", from_base.into()),
    ])
}

fn os(os: &Os) -> Value {
    Value::object([
        ("id", text(&os.id)),
        ("like", texts(&os.like)),
        ("version", optional(os.version.as_ref())),
        ("codename", optional(os.codename.as_ref())),
        ("name", optional(os.name.as_ref())),
        ("pretty", optional(os.pretty.as_ref())),
        ("variant", optional(os.variant.as_ref())),
    ])
}

fn base(found: &BaseMatch, today: Date) -> Value {
    let newer =
        |newer: &Base| Value::object([("digest", optional(newer.digest.as_ref())), ("date", text(&newer.date))]);
    Value::object([
        ("name", text(&found.base.name)),
        ("digest", optional(found.base.digest.as_ref())),
        ("date", text(&found.base.date)),
        ("age_days", found.base.age(today).into()),
        ("layers", count(found.base.layers.len() as u64)),
        ("newer", found.newer.as_ref().map_or(Value::Null, newer)),
    ])
}

fn package_value(package: &Package, from_base: bool) -> Value {
    let source = package.source.as_ref().map_or(Value::Null, |source| {
        Value::object([("name", text(&source.name)), ("version", text(&source.version))])
    });
    Value::object([
        ("type", package.kind.as_str().into()),
        ("name", text(&package.name)),
        ("group", optional(package.group.as_ref())),
        ("version", text(&package.version)),
        ("purl", text(&package.purl)),
        ("source", source),
        ("architecture", optional(package.architecture.as_ref())),
        ("licenses", texts(&package.licenses)),
        ("declared", package.declared.into()),
        ("layer", count(package.layer as u64)),
        ("from_base", from_base.into()),
        ("evidence", text(&package.evidence)),
        ("owner", optional(package.owner.as_ref())),
        ("files", count(package.files.len() as u64)),
    ])
}

fn problem(problem: &FileProblem) -> Value {
    Value::object([
        ("path", text(&problem.path)),
        ("layer", count(problem.layer as u64)),
        ("message", text(&problem.what)),
    ])
}
