//! `probity evidence deployments`.

use std::io::{BufWriter, Write};

use anyhow::Result;
use jiff::civil::Date;
use probity_evidence_index::{Deployment, DeploymentFilter, Period};

use super::query::{Form, image_list, pages};
use crate::evidence::data::DataArgs;
use crate::output::{csv_field, harmless};

/// Who deployed what: what gates let into clusters and servers then did, and what servers did without asking a gate. Newest first.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The environment, such as production.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// On this day or later.
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// On this day or earlier.
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
    /// The cluster: a pattern with `*`.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// The namespace: a pattern with `*`.
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Who: a pattern with `*`.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// An image: how it is named, a pattern with `*`; or its digest, sha256:…, or the beginning of it.
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Also what Kubernetes' own controllers did, such as the Pods of a Deployment.
    #[arg(long)]
    controllers: bool,
    /// So many; 0 for all.
    #[arg(long, default_value_t = 50)]
    limit: u64,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    #[command(flatten)]
    data: DataArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let period = Period::new(args.from.unwrap_or(Date::ZERO), args.to.unwrap_or(Date::MAX));
    let filter = DeploymentFilter {
        from: args.from.map(|_| period.start()),
        to: args.to.map(|_| period.end()),
        cluster: args.cluster.clone(),
        namespace: args.namespace.clone(),
        environment: args.environment.clone(),
        user: args.user.clone(),
        image: args.image.clone(),
        controllers: args.controllers,
    };
    let queries = super::data(&args.data)?.index()?.queries()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    if args.format == Form::Csv {
        writeln!(
            out,
            "entry,time,user,impersonated,environment,cluster,namespace,kind,name,operation,images,confirmed"
        )?;
    }
    let ask = |page| {
        let page = queries.deployments(&filter, page)?;
        Ok((page.rows, page.next))
    };
    let limit = if args.limit == 0 { u64::MAX } else { args.limit };
    pages(limit, "deployment", ask, |row: &Deployment| {
        match args.format {
            Form::Json => writeln!(out, "{}", serde_json::to_string(row)?)?,
            Form::Csv => write_csv(row, &mut out)?,
            Form::Text => writeln!(out, "{}", line(row))?,
        }
        Ok(())
    })?;
    out.flush()?;
    Ok(crate::CLEAN)
}

/// When, who, where, what, and whether the server did it.
fn line(row: &Deployment) -> String {
    let time = row.time.strftime("%Y-%m-%dT%H:%M:%SZ");
    let who = match &row.impersonated {
        Some(other) => format!("{} as {other}", row.user),
        None => row.user.clone(),
    };
    let images = if row.images.is_empty() { "images unknown".to_owned() } else { image_list(&row.images) };
    harmless(&format!(
        "{time} {who} {}/{} {}/{} {} {images} {}  entry {}",
        row.cluster,
        row.namespace,
        row.kind,
        row.name,
        row.operation,
        row.known.as_str(),
        row.index
    ))
}

fn write_csv(row: &Deployment, out: &mut impl Write) -> Result<()> {
    let fields = [
        row.index.to_string(),
        row.time.to_string(),
        row.user.clone(),
        row.impersonated.clone().unwrap_or_default(),
        row.environment.clone().unwrap_or_default(),
        row.cluster.clone(),
        row.namespace.clone(),
        row.kind.clone(),
        row.name.clone(),
        row.operation.clone(),
        image_list(&row.images),
        row.known.as_str().to_owned(),
    ];
    Ok(writeln!(out, "{}", fields.iter().map(|field| csv_field(field)).collect::<Vec<_>>().join(","))?)
}
