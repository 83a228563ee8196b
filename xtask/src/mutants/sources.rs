//! The sources that are changed.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::find;
use super::site::{self, Site};

/// A folder of which a fixed share of the sample is.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) name: &'static str,
    /// From the root of the workspace.
    path: &'static str,
    /// The package whose tests are asked.
    pub(super) package: &'static str,
}

/// All of them.
pub(super) const FOLDERS: [Folder; 6] = [
    core("claims", "crates/ordu-core/src/claims"),
    core("requests", "crates/ordu-core/src/requests"),
    core("membership", "crates/ordu-core/src/membership"),
    core("replication", "crates/ordu-core/src/replication"),
    core("children", "crates/ordu-core/src/children"),
    Folder {
        name: "ordu-crdt",
        path: "crates/ordu-crdt/src",
        package: "ordu-crdt",
    },
];

const fn core(name: &'static str, path: &'static str) -> Folder {
    Folder {
        name,
        path,
        package: "ordu-core",
    }
}

/// The sources of a workspace, and where they can be changed.
#[derive(Debug)]
pub(super) struct Sources {
    /// By their path from the root.
    pub(super) texts: BTreeMap<String, String>,
    pub(super) sites: Vec<Site>,
}

impl Sources {
    /// Reads those of the workspace at `root`.
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let mut sources = Self {
            texts: BTreeMap::new(),
            sites: Vec::new(),
        };
        for (folder, of) in FOLDERS.iter().enumerate() {
            let mut files = BTreeMap::new();
            collect(&root.join(of.path), &mut files)?;
            let tests = only_for_tests(&files)?;
            files.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
            for (path, text) in files {
                let file = path.strip_prefix(root).unwrap_or(&path);
                sources.add(folder, file.to_string_lossy().into_owned(), text)?;
            }
        }
        Ok(sources)
    }

    fn add(&mut self, folder: usize, file: String, text: String) -> Result<(), String> {
        let found = find::find(&text).map_err(|why| format!("{file}: {why}"))?;
        let mut same = HashMap::<_, usize>::new();
        for found in found {
            let before = site::one_line(&text[found.range.clone()]);
            let number = u32::try_from(self.sites.len() + 1).map_err(|_| "too many sites")?;
            let mut site = Site {
                number,
                folder,
                file: file.clone(),
                line: text[..found.range.start].matches('\n').count() + 1,
                nth: 0,
                before,
                found,
            };
            let seen = same.entry(site.key()).or_default();
            site.nth = *seen;
            *seen += 1;
            self.sites.push(site);
        }
        self.texts.insert(file, text);
        Ok(())
    }
}

/// All Rust files of a folder that are not known to be tests by their names.
fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, String>) -> Result<(), String> {
    let wrong = |error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.strip_suffix(".rs");
        if path.is_dir() {
            if !["tests", "model"].contains(&&*name) {
                collect(&path, files)?;
            }
        } else if stem.is_some_and(|stem| !stem.starts_with("tests") && stem != "planted") {
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
            files.insert(path, text);
        }
    }
    Ok(())
}

/// The files and folders of the modules that others declare for tests alone.
fn only_for_tests(files: &BTreeMap<PathBuf, String>) -> Result<Vec<PathBuf>, String> {
    let mut tests = Vec::new();
    for (path, text) in files {
        let modules = find::test_modules(text).map_err(|why| format!("{}: {why}", path.display()))?;
        let is_root = ["mod.rs", "lib.rs"].iter().any(|name| path.ends_with(name));
        let folder = path.parent().unwrap_or(path);
        let folder = if is_root {
            folder.to_owned()
        } else {
            path.with_extension("")
        };
        for module in modules {
            tests.push(folder.join(&module));
            tests.push(folder.join(module).with_extension("rs"));
        }
    }
    Ok(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_for_tests_is_no_source() {
        let root = tempfile::tempdir().unwrap();
        for folder in &FOLDERS {
            std::fs::create_dir_all(root.path().join(folder.path)).unwrap();
        }
        let code = "fn f() -> bool { g() }";
        let files = [
            ("mod.rs", "#[cfg(test)]\nmod checks;\nmod over;\nmod model;\n"),
            ("over.rs", "#[cfg(test)]\nmod trials;\nfn f() -> bool { g() }"),
            ("checks.rs", code),
            ("tests.rs", code),
            ("planted.rs", code),
            ("model/mod.rs", code),
            ("over/trials.rs", code),
            ("over/tests/more.rs", code),
        ];
        for (file, text) in files {
            let path = root.path().join(FOLDERS[0].path).join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let sources = Sources::read(root.path()).unwrap();
        let places: Vec<_> = sources.sites.iter().map(Site::place).collect();
        let place = "crates/ordu-core/src/claims/over.rs:3 f";
        assert_eq!(places, [place, place]);
        assert_eq!(sources.texts.len(), 2);
    }

    #[test]
    fn the_same_text_twice_in_a_function_is_two_sites() {
        let mut sources = Sources {
            texts: BTreeMap::new(),
            sites: Vec::new(),
        };
        let text = "fn f(a: bool) { g(!a); g(!a); }".to_owned();
        sources.add(0, "a.rs".to_owned(), text).unwrap();
        let keys: std::collections::BTreeSet<_> = sources.sites.iter().map(Site::key).collect();
        assert_eq!(keys.len(), sources.sites.len());
        assert_eq!(sources.sites.last().unwrap().number as usize, keys.len());
    }
}
