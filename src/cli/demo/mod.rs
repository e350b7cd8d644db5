//! `deskd demo`
use super::{Failure, paper::Paper};
#[derive(Debug, clap::Args)]
pub struct DemoArgs {}
pub async fn run(_: Paper, _: DemoArgs) -> Result<(), Failure> {
    Ok(())
}
