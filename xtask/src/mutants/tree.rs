//! The copy of the workspace that has the mutants in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::render::{self, Mark};
use super::site::Site;
use super::sources::{FOLDERS, Sources};

/// The crate that says which mutant is chosen.
const CHOICE: &str = include_str!("choice.rs.txt");

const CHOICE_MANIFEST: &str = "\
[package]
name = \"ordu-mutant\"
version = \"0.1.0\"
edition = \"2024\"
publish = false

[lib]
name = \"ordu_mutant\"
";

/// Where the copy is, and what is different in it.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    pub(super) folder: PathBuf,
    changed: BTreeMap<PathBuf, Vec<u8>>,
}

impl Tree {
    /// Of the workspace at `root`, in `folder`, without mutants.
    pub(super) fn new(root: &Path, folder: &Path) -> Self {
        Self {
            root: root.to_owned(),
            folder: folder.to_owned(),
            changed: BTreeMap::new(),
        }
    }

    /// Puts these sites into it, and no others; says where they are, by file.
    pub(super) fn mutate(
        &mut self,
        sources: &Sources,
        sites: &[&Site],
    ) -> Result<BTreeMap<String, Vec<Mark>>, String> {
        let mut marks = BTreeMap::new();
        self.changed = manifests(&self.root)?;
        for (file, text) in &sources.texts {
            let of: Vec<&Site> = sites.iter().copied().filter(|site| site.file == *file).collect();
            if !of.is_empty() {
                let (text, places) = render::render(text, &of);
                self.changed.insert(file.into(), text.into_bytes());
                marks.insert(file.clone(), places);
            }
        }
        self.restore()?;
        Ok(marks)
    }

    /// Makes the copy what it is to be. Only files that differ are written, so that Cargo builds only what is new; what
    /// tests have left there, as the cases at which they failed, is removed.
    pub(super) fn restore(&self) -> Result<(), String> {
        let mut files = BTreeSet::new();
        list(&self.root.join("crates"), &self.root, &mut files)?;
        files.insert("Cargo.lock".into());
        for file in &files {
            if !self.changed.contains_key(file) {
                let path = self.root.join(file);
                let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                self.write(file, &bytes)?;
            }
        }
        for (file, bytes) in &self.changed {
            self.write(file, bytes)?;
        }
        let mut there = BTreeSet::new();
        list(&self.folder.join("crates"), &self.folder, &mut there)?;
        for file in there {
            if !files.contains(&file) && !self.changed.contains_key(&file) {
                let path = self.folder.join(&file);
                std::fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        Ok(())
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> Result<(), String> {
        let path = self.folder.join(file);
        if std::fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, bytes))
            .map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// The manifests with the crate that chooses.
fn manifests(root: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, String> {
    let edited = |file: &str, from: &str, to: &str| {
        let path = root.join(file);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if text.matches(from).count() != 1 {
            return Err(format!("{}: {from:?} is not there once", path.display()));
        }
        Ok((PathBuf::from(file), text.replace(from, to).into_bytes()))
    };
    let mut changed = BTreeMap::from([edited("Cargo.toml", ", \"xtask\"]\n", "]\n")?]);
    for package in FOLDERS.map(|folder| folder.package) {
        let file = format!("crates/{package}/Cargo.toml");
        let with = "\n[dependencies]\nordu-mutant = { path = \"../ordu-mutant\" }\n";
        changed.extend([edited(&file, "\n[dependencies]\n", with)?]);
    }
    let choice = Path::new("crates/ordu-mutant");
    changed.insert(choice.join("Cargo.toml"), CHOICE_MANIFEST.into());
    changed.insert(choice.join("src/lib.rs"), CHOICE.into());
    Ok(changed)
}

/// The files below a folder, from `root`.
fn list(folder: &Path, root: &Path, files: &mut BTreeSet<PathBuf>) -> Result<(), String> {
    let wrong = |error| format!("{}: {error}", folder.display());
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let path = entry.path();
        if !entry.file_type().map_err(wrong)?.is_dir() {
            files.insert(path.strip_prefix(root).unwrap_or(&path).to_owned());
        } else if entry.file_name() != "target" {
            list(&path, root, files)?;
        }
    }
    Ok(())
}
