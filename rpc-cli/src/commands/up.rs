//! `wherever up`: several nodes of one program on one machine, behind one front port.
use clap::Args;
use crate::failure::Failure;
use crate::options::Options;
use crate::terminal::Screen;
/// Run
#[derive(Args, Debug)]
pub(crate) struct Up {}
impl Up {
    pub(crate) async fn run(&self, _options: &Options, _screen: &mut Screen<'_>) -> Result<(), Failure> { Ok(()) }
}
