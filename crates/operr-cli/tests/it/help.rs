//! Help texts, and that what they show runs.

use crate::{folder, golden, operr, text};

#[test]
fn help_is_what_the_golden_files_say() {
    golden::check("help", &text(&["--help"], b""));
    for command in COMMANDS {
        golden::check(&format!("help-{command}"), &text(&[command, "--help"], b""));
    }
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
        let folder = folder(&format!("examples-{command}"));
        let help = text(&[command, "--help"], b"").replace("\\\n", " ");
        let examples: Vec<&str> = help.lines().filter_map(|line| line.trim_start().strip_prefix("$ ")).collect();
        assert!(!examples.is_empty(), "{command} shows nothing");
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
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    let page = text(&["man"], b"");
    for command in COMMANDS {
        assert!(page.contains(&format!("operr\\-{command}(1)")), "{page}");
        let page = text(&["man", command], b"");
        assert!(page.contains(&format!(".TH operr-{command} 1")), "{page}");
    }
}

#[test]
fn the_version_is_the_packages() {
    let output = operr(&["--version"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("operr {}\n", env!("CARGO_PKG_VERSION")));
}

const COMMANDS: [&str; 6] = ["decode", "convert", "new", "codes", "completions", "man"];
