use std::io::{self, Write};

use probity_model::Outcome;

use super::{Report, controls};

/// A row for each finding that is not a pass (RFC 4180).
pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"policy,title,severity,outcome,stage,path,line,column,subject,message,reason,controls,fix\r\n")?;
    let all = [Outcome::Fail, Outcome::Error, Outcome::Waived, Outcome::Skipped, Outcome::Unknown];
    for entry in report.entries(&all) {
        let location = entry.finding.location.as_ref();
        let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
        let fields = [
            entry.policy.id.to_string(),
            entry.policy.title.clone(),
            entry.finding.severity.to_string(),
            entry.finding.outcome.to_string(),
            entry.finding.stage.to_string(),
            entry.path(),
            number(location.map(|location| location.line)),
            number(location.map(|location| location.column)),
            entry.decisions().map(|decision| decision.subject.address.as_str()).collect::<Vec<_>>().join(" "),
            entry.finding.message.clone(),
            entry.finding.reason.clone().unwrap_or_default(),
            controls(entry.policy),
            entry.policy.fix.clone(),
        ];
        let row: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
        write!(out, "{}\r\n", row.join(","))?;
    }
    Ok(())
}

/// A field in quotes; one that a spreadsheet would take for a formula is made a text.
pub(crate) fn quoted(field: &str) -> String {
    let guard = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", field.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn formulas_stay_texts() {
        assert_eq!(quoted("=cmd|'/c calc'!A1"), "\"'=cmd|'/c calc'!A1\"");
        assert_eq!(quoted("a \"b\""), "\"a \"\"b\"\"\"");
    }
}
