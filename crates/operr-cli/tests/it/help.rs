//! Help texts, and that what they show runs.

use crate::{explain, folder, golden, log, operr, text};

#[test]
fn help_is_what_the_golden_files_say() {
    golden::check("help", &text(&["--help"], b""));
    for command in COMMANDS {
        golden::check(&format!("help-{}", command.replace(' ', "-")), &help(command));
    }
}

/// The help of a command, which may be one of another.
fn help(command: &str) -> String {
    text(&[&command.split(' ').collect::<Vec<_>>()[..], &["--help"]].concat(), b"")
}

#[test]
fn codes_are_what_the_golden_file_says() {
    golden::check("codes", &text(&["codes"], b""));
}

#[cfg(unix)]
#[test]
fn every_example_runs() {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_operr")).parent().unwrap();
    let path = std::env::join_paths(
        [program.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let path = path.unwrap();
    let mut ran = 0;
    for command in COMMANDS {
        let folder = folder(&format!("examples-{}", command.replace(' ', "-")));
        log::example(&folder);
        explain::example(&folder);
        let help = help(command).replace("\\\n", " ");
        let examples: Vec<&str> = help.lines().filter_map(|line| line.trim_start().strip_prefix("$ ")).collect();
        assert!(!examples.is_empty() || command == "log", "{command} shows nothing");
        for example in examples {
            assert!(example.starts_with("operr "), "{example}");
            let mut shell = std::process::Command::new("sh");
            shell
                .args(["-e", "-c", example])
                .env("PATH", &path)
                .current_dir(&folder)
                .stdin(std::process::Stdio::null());
            let output = shell.output().unwrap();
            assert!(output.status.success(), "{example}: {output:?}");
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(!stderr.contains("error: "), "{example}: {stderr}");
            assert!(!output.stdout.is_empty() || example.contains('>'), "{example} prints nothing");
            ran += 1;
        }
    }
    assert!(ran > 12);
}

#[test]
fn completions_and_pages_cover_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = text(&["completions", shell], b"");
        for word in COMMANDS.iter().flat_map(|command| command.split(' ')) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    for command in COMMANDS {
        let name = command.replace(' ', "-");
        let page = text(&["man", &name], b"");
        assert!(page.contains(&format!(".TH operr-{name} 1")), "{page}");
        let of_all = match command.split_once(' ') {
            None => text(&["man"], b""),
            Some((above, _)) => text(&["man", above], b""),
        };
        assert!(of_all.contains(&format!("operr\\-{}(1)", name.replace('-', "\\-"))), "{of_all}");
    }
}

#[test]
fn the_version_is_the_packages() {
    let output = operr(&["--version"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("operr {}\n", env!("CARGO_PKG_VERSION")));
}

const COMMANDS: [&str; 14] = [
    "decode",
    "explain",
    "convert",
    "new",
    "codes",
    "log",
    "log cat",
    "log tail",
    "log grep",
    "log stats",
    "log verify",
    "log repair",
    "completions",
    "man",
];
