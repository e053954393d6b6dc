//! `operr completions` and `operr man`: what a shell and a package want to install.

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man as Page;

use crate::failure::Failure;
use crate::output;

/// Print the completions for a shell.
#[derive(Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(crate) struct Completions {
    /// Shell.
    shell: Shell,
}

/// Print a manual page.
#[derive(Args)]
#[command(after_help = MAN_EXAMPLES)]
pub(crate) struct Man {
    /// Command whose page to print; that of operr itself if not given.
    #[arg(value_name = "COMMAND", value_parser = COMMANDS)]
    name: Option<String>,
}

impl Completions {
    pub(crate) fn run(&self, mut command: Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "operr", &mut script);
        output::write_line(&String::from_utf8_lossy(&script))
    }
}

impl Man {
    pub(crate) fn run(&self, mut command: Command) -> Result<(), Failure> {
        command.build();
        let command = match &self.name {
            None => command,
            Some(name) => {
                // Once built, it bears the name operr-decode.
                let found = name.split('-').try_fold(&command, |command, word| command.find_subcommand(word));
                found.cloned().ok_or_else(|| Failure::Usage(format!("there is no command {name}")))?
            }
        };
        let mut page = Vec::new();
        Page::new(command).render(&mut page)?;
        output::write_line(&String::from_utf8_lossy(&page))
    }
}

/// What has a page: log-cat is that of operr log cat.
const COMMANDS: [&str; 14] = [
    "decode",
    "explain",
    "convert",
    "new",
    "codes",
    "log",
    "log-cat",
    "log-tail",
    "log-grep",
    "log-stats",
    "log-verify",
    "log-repair",
    "completions",
    "man",
];

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
    $ operr completions bash > operr.bash";

const MAN_EXAMPLES: &str = "\
Examples:
    $ operr man > operr.1
    $ operr man decode > operr-decode.1
    $ operr man log-cat > operr-log-cat.1";
