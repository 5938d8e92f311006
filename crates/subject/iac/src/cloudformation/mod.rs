//! CloudFormation templates, in YAML or JSON, and those of AWS SAM and the CDK.
//!
//! A template is evaluated as far as it says: parameters have their defaults, mappings and conditions are followed,
//! intrinsic functions are applied, and a resource whose condition is false is not there. What only a deployment can tell
//! (a parameter without a default, the attributes of resources, what other stacks export) is unknown. A text that holds
//! such a part keeps it as `${AWS::AccountId}` where the platform gives it: it is neither empty nor a wildcard.
//!
//! A subject's document is the resource's `Properties`, with its `DeletionPolicy`, `UpdateReplacePolicy` and `Metadata`
//! beside them. `Fn::Base64` is the text that it encodes, so that policies see what it says.

mod budget;
mod conditions;
mod eval;
mod functions;
mod loops;
mod sam;
mod skips;
mod template;

use probity_model::yaml::{self, Dialect, Document};
use probity_model::{Problem, SourceId, Span, json};

use self::template::Template;
use crate::{Read, mend};

/// Finds out cheaply whether a text is worth reading as a template.
pub fn glance(text: &str) -> bool {
    if text.trim_start().starts_with('{') {
        return text.contains("\"AWSTemplateFormatVersion\"")
            || text.contains("\"Resources\"") && text.contains("\"Type\"") && text.contains("AWS::");
    }
    let is_text = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with(['#', '-', '%']);
    let first = text.lines().find(is_text).unwrap_or_default();
    let indentation = first.len() - first.trim_start().len();
    let has = |section: &str| {
        let line = |line: &str| {
            line.get(indentation..).is_some_and(|line| line.trim_start_matches(['"', '\'']).starts_with(section))
        };
        text.lines().any(line)
    };
    has("AWSTemplateFormatVersion") || has("Resources") && text.contains("AWS::") && text.contains("Type")
}

/// Reads the resources of a template.
///
/// What cannot be read or evaluated is a problem with its place; the rest of the template is read.
pub fn read(text: &str, source: SourceId) -> Read {
    let mut read = Read::default();
    let (documents, problems) = documents(text, source);
    read.problems = problems;
    for document in &documents {
        if let Some(template) = Template::new(&document.value, document.span) {
            read.append(template.read(text));
        }
    }
    read
}

fn documents(text: &str, source: SourceId) -> (Vec<Document>, Vec<Problem>) {
    if !text.trim_start().starts_with('{') {
        let help = "check indentation and quotes; the resources around this place are read";
        return mend::documents(text, source, Dialect::CloudFormation, help);
    }
    match json::read_with_spans(text, source) {
        Ok(value) => (vec![Document { value, span: Span::new(source, 0..text.len()) }], Vec::new()),
        // YAML in its flow form looks like JSON.
        Err(problem) => match yaml::read(text, source, Dialect::CloudFormation) {
            Ok(documents) => (documents, Vec::new()),
            Err(_) => (Vec::new(), vec![problem.with_help("check commas, quotes and brackets, or exclude the file")]),
        },
    }
}

#[cfg(test)]
mod tests;
