//! HCL to blocks.

use probity_hcl::Body;
use probity_model::{Problem, SourceId};

use super::literal::value;
use super::read::Block;
use crate::policy::Problems;

/// The blocks of a text.
pub(super) fn blocks(text: &str, source: SourceId) -> Result<Vec<Block>, Problems> {
    let (body, problems) = probity_hcl::body(text, source, &[]);
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    if let Some(attribute) = body.attributes.first() {
        let problem = Problem::new(format!("`{}` stands outside of a block", attribute.name), attribute.span);
        return Err(Problems(vec![problem]));
    }
    Ok(block(&body).map_err(|problem| Problems(vec![problem]))?.blocks)
}

fn block(body: &Body) -> Result<Block, Problem> {
    let mut read = Block::default();
    for attribute in &body.attributes {
        read.attributes.insert(attribute.name.to_string(), value(&attribute.value)?);
    }
    for inner in &body.blocks {
        let kind = inner.name.to_string();
        let labels = inner.labels.iter().map(ToString::to_string).collect();
        read.blocks.push(Block { kind, labels, span: Some(inner.span), ..block(&inner.body)? });
    }
    Ok(read)
}
