//! A sample of the links from policies to controls, for somebody who re-reads them: drawn by a stated seed, so that another
//! can draw the same one, or one of their own.

use anyhow::{Context, Result};
use probity_controls::Frameworks;
use probity_model::{ControlLink, Metadata};
use sha2::{Digest, Sha256};

/// Prints `count` links, each with the requirement's own words beside the reason.
///
/// The order of the drawing is that of SHA-256 over `SEED POLICY CONTROL`: each link is as likely as any other, none is drawn
/// twice, anybody can work it out again without this program, and a policy more or less leaves the rest of the order as it is.
pub(crate) fn draw(seed: &str, count: usize) -> Result<()> {
    let policies = probity_catalog::policies();
    let mut links: Vec<_> = policies
        .iter()
        .map(|policy| policy.metadata())
        .flat_map(|policy| policy.controls.iter().map(move |link| (place(seed, policy, link), policy, link)))
        .collect();
    links.sort_by_key(|(place, ..)| *place);
    println!("{} of {} links, by the seed {seed}\n", count.min(links.len()), links.len());
    for (number, (_, policy, link)) in links.iter().take(count).enumerate() {
        println!("{}\n", described(number + 1, policy, link)?);
    }
    Ok(())
}

fn place(seed: &str, policy: &Metadata, link: &ControlLink) -> [u8; 32] {
    Sha256::digest(format!("{seed} {} {}", policy.id, link.control)).into()
}

fn described(number: usize, policy: &Metadata, link: &ControlLink) -> Result<String> {
    let Metadata { id, title, fix, .. } = policy;
    let ControlLink { control, serves, why } = link;
    let asked = Frameworks::builtin().requirement(control).with_context(|| format!("{control} is of no framework"))?;
    let (fix, why, text) = (fix.trim(), why.trim(), asked.text.trim());
    Ok(format!("{number}. {id}: {title}\n   {fix}\n   {control}: {}. {text}\n   {serves}: {why}", asked.title))
}
