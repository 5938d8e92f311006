//! Times of which there is no evidence: requests that a gate answered without keeping a decision, and replicas that fell
//! silent.

use std::io::Write;

use anyhow::Result;
use jiff::Timestamp;
use probity_evidence_index::{GapRow, Period, Queries, Silence};
use serde::Serialize;

use super::Form;
use crate::output::{csv_field, harmless};

/// A time without evidence.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Gap {
    Unrecorded(GapRow),
    Silent(Silence),
}

/// Writes those of a period, newest first, as many as are asked for.
pub(super) fn write(queries: &Queries, period: Period, limit: u64, form: Form, out: &mut impl Write) -> Result<()> {
    let unrecorded = queries.unrecorded(period)?.into_iter().map(Gap::Unrecorded);
    let mut gaps: Vec<Gap> = queries.silences(period, Timestamp::now())?.into_iter().map(Gap::Silent).collect();
    gaps.extend(unrecorded);
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.from()));
    gaps.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if form == Form::Csv {
        writeln!(out, "from,to,cluster,replica,kind,passed,refused,why")?;
    }
    for gap in &gaps {
        match form {
            Form::Json => writeln!(out, "{}", serde_json::to_string(gap)?)?,
            Form::Csv => writeln!(out, "{}", gap.fields().map(|field| csv_field(&field)).join(","))?,
            Form::Text => writeln!(out, "{}", harmless(&gap.line()))?,
        }
    }
    eprintln!("{} {}", gaps.len(), if gaps.len() == 1 { "gap" } else { "gaps" });
    Ok(out.flush()?)
}

impl Gap {
    fn from(&self) -> Timestamp {
        match self {
            Self::Unrecorded(row) => row.gap.from,
            Self::Silent(silence) => silence.from,
        }
    }

    fn line(&self) -> String {
        let told = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let from = told(self.from());
        match self {
            Self::Unrecorded(row) => {
                let gap = &row.gap;
                let (cluster, replica, to) = (&gap.cluster, &gap.replica, told(gap.to));
                let counts = format!("{} passed and {} were refused", gap.allowed, gap.denied);
                format!(
                    "{from} UNRECORDED {cluster}/{replica}: until {to} {counts} without a decision that is kept: {}  entry {}",
                    gap.why, row.index
                )
            }
            Self::Silent(Silence { cluster, replica, to: Some(to), .. }) => {
                format!("{from} SILENT {cluster}/{replica}: no sign of life until {}", told(*to))
            }
            Self::Silent(Silence { cluster, replica, to: None, last_sequence, .. }) => {
                let number = last_sequence.map(|last| format!("; the last that came of it is number {last}"));
                let number = number.unwrap_or_default();
                format!("{from} LOST {cluster}/{replica}: no sign of life since, and it had not stopped{number}")
            }
        }
    }

    fn fields(&self) -> [String; 8] {
        match self {
            Self::Unrecorded(GapRow { gap, .. }) => [
                gap.from.to_string(),
                gap.to.to_string(),
                gap.cluster.clone(),
                gap.replica.clone(),
                "unrecorded".to_owned(),
                gap.allowed.to_string(),
                gap.denied.to_string(),
                gap.why.clone(),
            ],
            Self::Silent(Silence { cluster, replica, from, to, .. }) => {
                let to = to.map(|to| to.to_string()).unwrap_or_default();
                let none = String::new;
                [from.to_string(), to, cluster.clone(), replica.clone(), "silent".to_owned(), none(), none(), none()]
            }
        }
    }
}
