//! `probity install`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use probity_model::{Sources, Value};
use probity_subject_iac::helm::{self, Options};

use crate::input;

/// The chart, as it is in the repository: file by file.
macro_rules! chart {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../charts/probity/", $path)))),*]
    };
}

const CHART: &[(&str, &str)] = chart![
    "Chart.yaml",
    "values.yaml",
    "templates/_helpers.tpl",
    "templates/admission.yaml",
    "templates/config.yaml",
    "templates/namespace.yaml",
    "templates/networkpolicy.yaml",
    "templates/rbac.yaml",
    "templates/secrets.yaml",
    "templates/server.yaml",
];

/// Kinds of the cluster that come before all that is of them.
const CRDS: &[&str] = &[include_str!("../../../../charts/probity/crds/policybundles.yaml")];

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Kubernetes(KubernetesArgs),
    Reports(ReportsArgs),
}

/// Print what installs Probity in a cluster: `probity install kubernetes | kubectl apply --server-side -f -`.
///
/// The gate (three replicas) and the server with the ledger (one), with the least rights, Pod Security "restricted", a
/// disruption budget and network policies. Policies begin to be enforced when the gate is ready. What the gate and the
/// server know each other by is made anew each time; the Pods start again with it.
#[derive(clap::Args)]
struct KubernetesArgs {
    /// The namespace; it is made, and what is in it is never judged.
    #[arg(long, default_value = "probity-system")]
    namespace: String,
    /// The cluster's name in evidence.
    #[arg(long, default_value = "kubernetes")]
    cluster: String,
    /// The image of Probity, with its tag or digest.
    #[arg(long, value_name = "REFERENCE")]
    image: Option<String>,
    /// Values over those of the chart, as for Helm. May be repeated.
    #[arg(long, value_name = "FILE")]
    values: Vec<PathBuf>,
    /// Write the Helm chart to a folder instead.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["values", "image"])]
    chart: Option<PathBuf>,
}

/// Print the kinds of reports for a cluster that has none: `probity install reports | kubectl apply --server-side -f -`.
///
/// Kyverno and others bring them, too.
#[derive(clap::Args)]
struct ReportsArgs {
    /// The group of the kinds: `PolicyReport` and its like, or the `Report` that comes after them.
    #[arg(long, value_enum, default_value_t = ReportsGroup::Policy)]
    group: ReportsGroup,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum ReportsGroup {
    #[value(name = "wgpolicyk8s.io")]
    Policy,
    #[value(name = "openreports.io")]
    Open,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    match &args.command {
        Command::Kubernetes(args) => install(args),
        Command::Reports(args) => {
            print!(
                "{}",
                match args.group {
                    ReportsGroup::Policy => probity_cluster::POLICY_REPORTS,
                    ReportsGroup::Open => probity_cluster::OPEN_REPORTS,
                }
            );
            Ok(crate::CLEAN)
        }
    }
}

fn install(args: &KubernetesArgs) -> Result<u8> {
    if let Some(folder) = &args.chart {
        write_chart(folder)?;
        eprintln!("the chart is in {}", folder.display());
        return Ok(crate::CLEAN);
    }
    print!("{}", manifests(args)?);
    Ok(crate::CLEAN)
}

fn write_chart(folder: &Path) -> Result<()> {
    if folder.join("Chart.yaml").exists() {
        bail!("{} has a chart already; name another folder", folder.display());
    }
    let crds = [("crds/policybundles.yaml", CRDS[0])];
    for (path, text) in CHART.iter().copied().chain(crds) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder)).with_context(|| folder.display().to_string())?;
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn manifests(args: &KubernetesArgs) -> Result<String> {
    let folder = tempfile::tempdir().context("no folder for the chart")?;
    write_chart(folder.path())?;
    let sources = Sources::default();
    let mut values = vec![own_values(args)?];
    for path in &args.values {
        values.push(input::read_yaml(path, &sources)?.value);
    }
    let options =
        Options { values, release: "probity".to_owned(), namespace: args.namespace.clone(), ..Options::default() };
    let (mut rendered, problems) = helm::render(folder.path(), &options, &sources);
    if let Some(problem) = problems.first() {
        bail!("{}", problem.display(&sources, Path::new("values")));
    }
    // The namespace comes before what is in it.
    rendered.sort_by_key(|file| !file.name.ends_with("namespace.yaml"));
    let texts = CRDS.iter().copied().chain(rendered.iter().map(|file| file.output.text.as_str()));
    let documents = texts.map(str::trim).filter(|text| !text.is_empty());
    Ok(documents.map(|text| format!("---\n{}\n", text.trim_start_matches("---").trim_start())).collect())
}

/// What the options say, as values of the chart.
fn own_values(args: &KubernetesArgs) -> Result<Value> {
    let mut values = vec![
        ("createNamespace", Value::from(true)),
        ("cluster", args.cluster.as_str().into()),
        ("internal", internal(&args.namespace)?),
    ];
    if let Some(image) = &args.image {
        values.push(("image", image_values(image)?));
    }
    Ok(Value::object(values))
}

/// A reference in the parts that the chart has of it.
fn image_values(image: &str) -> Result<Value> {
    let parsed: probity_subject_image::Reference = image.parse().with_context(|| format!("--image {image}"))?;
    let digest = parsed.digest().map(ToString::to_string).unwrap_or_default();
    Ok(Value::object([
        ("repository", Value::from(parsed.name().as_str())),
        ("tag", parsed.tag().unwrap_or_default().into()),
        ("digest", digest.as_str().into()),
    ]))
}

/// A token, and a certificate of the server's Service with the authority behind it.
fn internal(namespace: &str) -> Result<Value> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("no randomness for a token")?;
    let host = format!("probity-server.{namespace}.svc");
    let names = vec![host.clone(), format!("{host}.cluster.local"), "probity-server".to_owned()];
    let made = probity_cluster::long_lived(&names)?;
    Ok(Value::object([
        ("token", Value::from(format!("probity_{}", URL_SAFE_NO_PAD.encode(bytes)))),
        ("ca", made.ca.as_str().into()),
        ("cert", made.certificate.as_str().into()),
        ("key", made.key.as_str().into()),
    ]))
}

#[cfg(test)]
mod tests {
    use probity_model::json;
    use probity_model::yaml::{self, Dialect};

    use super::*;

    fn printed(args: &KubernetesArgs) -> Vec<Value> {
        let text = manifests(args).unwrap();
        let sources = Sources::default();
        let source = sources.add("manifests.yaml", text.as_str());
        yaml::read(&text, source, Dialect::Kubernetes).unwrap().into_iter().map(|document| document.value).collect()
    }

    fn args(image: Option<&str>) -> KubernetesArgs {
        KubernetesArgs {
            namespace: "guard".to_owned(),
            cluster: "eu-1".to_owned(),
            image: image.map(str::to_owned),
            values: Vec::new(),
            chart: None,
        }
    }

    #[test]
    fn everything_is_in_the_namespace_and_of_the_image() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for image in ["registry.example/probity:1.2".to_owned(), format!("registry.example/probity@{digest}")] {
            let documents = printed(&args(Some(&image)));
            let text = json::write(&Value::array(documents.clone()));
            assert_eq!(text.matches(&format!("\"image\":\"{image}\"")).count(), 2, "{text}");
            for document in &documents {
                let namespace = document.at(&["metadata", "namespace"]).and_then(Value::as_str);
                assert!(namespace.is_none_or(|namespace| namespace == "guard"), "{document:?}");
            }
            assert!(text.contains("cluster: eu-1"));
        }
    }

    #[test]
    fn all_files_of_the_chart_are_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/probity");
        let on_disk = fs::read_dir(folder.join("templates")).unwrap().count();
        assert_eq!(on_disk, CHART.iter().filter(|(path, _)| path.starts_with("templates/")).count());
    }
}
