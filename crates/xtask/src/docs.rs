//! What there is to read: rustdoc, and the guide in `docs/`, which mdBook builds. Warnings are denied, and links that lead
//! nowhere.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process::{self, cargo};
use crate::tools;

const MDBOOK: &str = "0.5.4";

pub(crate) fn run() -> Result<()> {
    rustdoc()?;
    let book = book()?;
    let broken = [broken_in_book(&book)?, broken_in_sources(process::root())?].concat();
    ensure!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
    println!("{}", book.join("index.html").display());
    Ok(())
}

/// rustdoc of all crates, with all features.
pub(crate) fn rustdoc() -> Result<()> {
    process::run(
        cargo(["doc", "--quiet", "--workspace", "--all-features", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// Builds the guide; gives its folder.
fn book() -> Result<PathBuf> {
    let folder = process::target().join("book");
    let mut mdbook = Command::new(tools::install("mdbook", MDBOOK)?);
    mdbook.args(["build", "docs", "--dest-dir"]).arg(&folder).current_dir(process::root());
    let output = mdbook.env("MDBOOK_LOG", "warn").env("NO_COLOR", "1").output().context("cannot start mdbook")?;
    // It tells of what is wrong, such as a file that is not there to be included, and goes on.
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(output.status.success() && said.trim().is_empty(), "mdbook: {}\n{said}", output.status);
    Ok(folder)
}

/// The links of the pages to files, or to places in them, that are not there.
fn broken_in_book(book: &Path) -> Result<Vec<String>> {
    let mut pages = HashMap::new();
    for path in files(book, "html")? {
        // The page of a server that finds none has links from its root.
        if !path.ends_with("404.html") {
            pages.insert(path.clone(), fs::read_to_string(&path)?);
        }
    }
    let mut broken = Vec::new();
    for (path, page) in &pages {
        for link in [" href=\"", " src=\""].iter().flat_map(|begin| page.split(begin).skip(1)) {
            let link = link.split('"').next().unwrap_or_default();
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let Some(target) = target(path, file) else { continue };
            let is_there = match pages.get(&target) {
                Some(page) if !place.is_empty() => page.contains(&format!("id=\"{place}\"")),
                _ => target.is_file() && target.starts_with(book),
            };
            if !is_there {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    broken.sort();
    Ok(broken)
}

/// The links of all other Markdown files to files that are not there.
fn broken_in_sources(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for path in files(root, "md")? {
        if path.starts_with(root.join("docs/src")) {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        // What stands between fences is code.
        for prose in text.split("```").step_by(2) {
            for link in prose.split("](").skip(1).filter_map(|link| link.split(')').next()) {
                let file = link.split('#').next().unwrap_or_default();
                if target(&path, file).is_some_and(|target| !target.exists()) {
                    broken.push(format!("{}: {link}", path.display()));
                }
            }
        }
    }
    Ok(broken)
}

/// Where a link leads in this tree, if it does not lead elsewhere.
fn target(from: &Path, link: &str) -> Option<PathBuf> {
    if link.contains(':') || link.starts_with("//") {
        return None;
    }
    let mut target = if link.is_empty() { from.to_owned() } else { from.parent()?.to_owned() };
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => drop(target.pop()),
            Component::CurDir => {}
            part => target.push(part),
        }
    }
    Some(target)
}

/// The files with this extension, but for what is built and what is hidden.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    Ok(found)
}
