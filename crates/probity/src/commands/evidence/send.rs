//! `probity evidence send`.

use anyhow::Result;

use crate::commands::destination::DestinationArgs;
use crate::evidence::data::DataArgs;
use crate::evidence::record::send_all;

/// Send decisions that wait on this machine, because the server was away or the ledger in use.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    destination: DestinationArgs,
    #[command(flatten)]
    data: DataArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let config = crate::config::near(std::path::Path::new("."))?;
    let data = crate::config::data(&args.data)?;
    let sent = send_all(&data, &args.destination.resolve(config.as_ref())?)?;
    println!("{} entries sent, {} wait", sent.delivered, sent.waiting);
    if let Some(why) = &sent.why {
        println!("they wait because {why}");
    }
    Ok(if sent.waiting == 0 { crate::CLEAN } else { crate::BROKEN })
}
