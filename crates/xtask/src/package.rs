//! The packages as those who install them get them: from the packed files alone, in empty environments, outside of the
//! repository.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::metadata;
use crate::process::{self, cargo};
use crate::python;

pub(crate) fn run() -> Result<()> {
    // Gone when this ends, with all that is built.
    let folder = tempfile::tempdir()?;
    let build = Build { folder: folder.path().canonicalize()? };
    build.crates()?;
    build.command()?;
    build.python()
}

struct Build {
    folder: PathBuf,
}

impl Build {
    /// Packs what is published, and builds and tests that.
    fn crates(&self) -> Result<()> {
        let mut packages = metadata::members()?;
        packages.retain(|package| package.is_published);
        let names = packages.iter().flat_map(|package| ["--package", &package.name]);
        process::run(self.cargo(["package", "--quiet", "--allow-dirty", "--no-verify"]).args(names))?;

        // The files lie as in the repository, as tests look into the package of the core. The crates find one another there.
        let mut patches = "[patch.crates-io]\n".to_owned();
        for package in &mut packages {
            let packed = self.target().join(format!("package/{}-{}.crate", package.name, package.version));
            told(&packed)?;
            package.folder = self.folder.join("packed").join(package.folder.strip_prefix(process::root())?);
            unpack(&packed, &package.folder)?;
            writeln!(patches, "{} = {{ path = {:?} }}", package.name, package.folder)?;
        }
        fs::create_dir(self.folder.join(".cargo"))?;
        fs::write(self.folder.join(".cargo/config.toml"), patches)?;

        for package in &packages {
            for features in [None, Some("--no-default-features"), Some("--all-features")] {
                let build = ["build", "--quiet", "--offline"].into_iter().chain(features);
                process::run(self.cargo(build).current_dir(&package.folder))?;
            }
            let test = ["test", "--quiet", "--offline", "--all-features"];
            process::run(self.cargo(test).current_dir(&package.folder))?;
        }
        Ok(())
    }

    /// Installs the command as the README says, and tries it.
    fn command(&self) -> Result<()> {
        let install = ["install", "--quiet", "--path", "crates/operr-cli", "--root"];
        process::run(self.cargo(install).arg(&self.folder))?;
        let operr = self.folder.join("bin/operr");
        println!("{}", process::read(Command::new(&operr).arg("--version"))?);
        println!("{}", process::read(Command::new(&operr).args(["explain", "--text", "ABORTED: restarted"]))?);
        for arguments in [&["codes"][..], &["man"], &["man", "log"], &["completions", "bash"]] {
            let printed = process::read(Command::new(&operr).args(arguments))?;
            println!("operr {}: {} lines", arguments.join(" "), printed.lines().count());
        }
        Ok(())
    }

    /// Packs the source distribution, builds the wheel from it, and runs the tests that it brings against either.
    fn python(&self) -> Result<()> {
        let packed = self.folder.join("python");
        let mut build = python::maturin(&["build", "--sdist", "--release", "--compatibility", "linux"])?;
        process::read(build.arg("--out").arg(&packed).env("CARGO_TARGET_DIR", self.target()))?;

        let find = |ending: &str| -> Result<PathBuf> {
            let mut found = fs::read_dir(&packed)?.flatten().map(|entry| entry.path());
            found
                .find(|path| path.to_string_lossy().ends_with(ending))
                .with_context(|| format!("maturin made no {ending}"))
        };
        let (source, wheel) = (find(".tar.gz")?, find(".whl")?);
        let tests = self.folder.join("tests");
        unpack(&source, &tests)?;

        for packed in [wheel, source] {
            told(&packed)?;
            let python = python::new_environment(&self.folder.join("environment"))?;
            process::run(python::pip(&python).arg(&packed).env("CARGO_TARGET_DIR", self.target()))?;
            // With no more than what the package asks for.
            let says = process::read(Command::new(&python).args(["-c", INSTALLED]).current_dir(&self.folder))?;
            ensure!(says == "# operr for Python", "{} describes itself as {says}", packed.display());
            process::run(python::pip(&python).arg("--requirement").arg(tests.join("tests/requirements/plain.txt")))?;
            // By itself, and not with -m, which would let the tests find what is in the folder where they run.
            let mut pytest = Command::new(python.with_file_name("pytest"));
            let of_tensorflow = "crates/operr-python/tests/with_tensorflow";
            pytest.args(["--quiet", "-p", "no:cacheprovider", "crates/operr-python/tests", "--ignore", of_tensorflow]);
            process::run(pytest.current_dir(&tests).env("OPERR_BINARY", self.folder.join("bin/operr")))?;
        }
        Ok(())
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// Cargo, with a target folder of its own, in which files for debuggers would be most.
    fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut cargo = cargo(arguments);
        cargo.envs([("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_INCREMENTAL", "0")]);
        cargo.env("CARGO_TARGET_DIR", self.target());
        cargo
    }
}

/// Says what is now built from.
fn told(packed: &Path) -> Result<()> {
    let name = packed.file_name().unwrap_or_default().to_string_lossy();
    println!("from {name}, {} KiB", packed.metadata()?.len().div_ceil(1024));
    Ok(())
}

/// Unpacks what lies in one folder in a packed file.
fn unpack(packed: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    process::run(Command::new("tar").arg("xzf").arg(packed).args(["--strip-components", "1", "-C"]).arg(folder))
}

/// Uses what needs the native half, and prints how the package describes itself.
const INSTALLED: &str = "
import importlib.metadata, operr
assert operr.from_bytes(operr.NotFoundError(None, None, 'gone').to_bytes()).message == 'gone'
print(importlib.metadata.metadata('operr').get_payload().lstrip().splitlines()[0])
";
